"""Who guesses is slowed down; who knows a key is not, not even from the same address."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from fraud.api_keys import ApiKey, Role, bearer, new_key
from fraud.features import EXAMPLE_INSTANCE
from serve.access.failed_logins import FREE_FAILURES, LONGEST_LOCK_S, OF_ONE, delay_s
from serve.access.known_browsers import COOKIE
from tests.live_stack import LiveStack, server_beside

KEY = new_key()
WRONG = "mls_this-is-no-key-and-belongs-into-no-log"
MAX_GUESSES = OF_ONE.guesses
PATHS = ["/metrics", "/predict", "/predict?by=query"]
"""On the connection's way, and on the framework's."""
PAGES = ["/mlflow/", "/mlflow/static-files/index.html", "/metrics", "/model-info", "/docs", "/openapi.json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guessing")


@pytest.fixture(scope="module")
def url(stack: LiveStack, folder: Path) -> Iterator[str]:
    """A server that takes us for a proxy."""
    entry = str(ApiKey.of(KEY, "agency", [Role.SCORE, Role.READ]))
    settings = {"API_KEYS": entry, "SERVE_WORKERS": "1", "TRUSTED_PROXIES": "127.0.0.1"}
    with server_beside(stack, folder, **settings) as url:
        yield url


_numbers = itertools.count(1)


def new_address() -> str:
    return f"203.0.113.{next(_numbers)}"


@pytest.fixture
def address() -> str:
    """A client's address to each test: failures are remembered."""
    return new_address()


@pytest.fixture
def here(address: str) -> Mapping[str, str]:
    """What makes a request one from there."""
    return {"X-Forwarded-For": address}


def predict(url: str, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=headers, timeout=30)


def guess_often(url: str, path: str = "/metrics", **how: Any) -> list[int]:
    """Wrong logins at the same time; the status of each."""
    method = "GET" if path == "/metrics" else "POST"

    def guess(number: int) -> int:
        login = {"auth": ("admin", f"guess {number}")}
        return httpx.request(method, url + path, timeout=30, **{**login, **how}).status_code

    with ThreadPoolExecutor(2 * MAX_GUESSES) as pool:
        return list(pool.map(guess, range(2 * MAX_GUESSES)))


def status(url: str, path: str = "/metrics", **how: Any) -> int:
    return httpx.get(url + path, **how).status_code


Case = TypeVar("Case")
Result = TypeVar("Result")


def at_once(do: Callable[[Case], Result], cases: Sequence[Case]) -> Mapping[Case, Result]:
    """All cases at the same time: the server holds back answers to guesses, and nobody has to wait for one after the
    other.
    """
    with ThreadPoolExecutor(len(cases)) as pool:
        return dict(zip(cases, pool.map(do, cases), strict=True))


def test_wrong_keys_get_slower_answers_and_right_ones_do_not(
    url: str, folder: Path, address: str, here: Mapping[str, str]
) -> None:
    failures = FREE_FAILURES + 3
    wrong = {"X-API-Key": WRONG, **here}
    begun = time.monotonic()
    assert {predict(url, wrong).status_code for _ in range(failures)} == {401}
    assert time.monotonic() - begun >= sum(delay_s(number) for number in range(1, failures + 1))
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(predict, url, wrong) for _ in range(20)]
        assert predict(url, {**bearer(KEY), **here}).status_code == 200
        assert not all(answer.done() for answer in waiting)
        assert {answer.result().status_code for answer in waiting} == {401}
    log = (folder / "server.log").read_text()
    assert f"failed login (bearer) from {address}, failure 1 from there" in log
    assert WRONG not in log
    assert log.count("failed login") < failures + 20


def test_many_connections_do_not_guess_a_password_faster(stack: LiveStack, url: str, here: Mapping[str, str]) -> None:
    statuses = guess_often(url, headers=here)
    assert statuses.count(401) <= MAX_GUESSES + 2  # one is forgotten every ten seconds
    assert statuses.count(429) == len(statuses) - statuses.count(401)
    locked_out = httpx.get(url + "/metrics", auth=stack.admin, headers=here)
    assert (locked_out.status_code, locked_out.json()["error"]["code"]) == (429, "too_many_failed_logins")
    assert 1 <= int(locked_out.headers["Retry-After"]) <= LONGEST_LOCK_S
    assert status(url, headers={**bearer(KEY), **here}) == 200
    assert status(url, auth=("any", KEY), headers=here) == 200


def test_a_missing_login_is_no_failed_one(url: str, here: Mapping[str, str]) -> None:
    assert {status(url, headers=here) for _ in range(2 * MAX_GUESSES)} == {401}
    assert status(url, auth=("admin", "wrong"), headers=here) == 401


@dataclass(frozen=True)
class Statuses:
    """Of many guesses, and of the requests after them."""

    guesses: Sequence[int]
    afterwards: Sequence[int]


@pytest.fixture(scope="module")
def after_wrong_keys(stack: LiveStack, url: str) -> Mapping[str, Statuses]:
    """Wrong keys, as a client sends them whose key has changed; then pages for the administrator, who comes through the
    same proxy. By path.
    """

    def guess(path: str) -> Statuses:
        here = {"X-Forwarded-For": new_address()}
        guesses = guess_often(url, path, headers={"Authorization": f"Bearer {WRONG}", **here}, auth=None)
        return Statuses(guesses, [status(url, page, auth=stack.admin, headers=here) for page in PAGES])

    return at_once(guess, PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_many_wrong_keys_lock_nobody_out(after_wrong_keys: Mapping[str, Statuses], path: str) -> None:
    assert set(after_wrong_keys[path].guesses) == {401}
    assert set(after_wrong_keys[path].afterwards) == {200}


def test_guesses_lock_neither_other_addresses_nor_who_is_logged_in(
    stack: LiveStack, url: str, here: Mapping[str, str]
) -> None:
    with httpx.Client(auth=stack.admin, base_url=url, headers=here) as browser:
        first = browser.get("/metrics")
        assert first.headers["Set-Cookie"].startswith(f"{COOKIE}=")
        assert "; HttpOnly" in first.headers["Set-Cookie"]
        assert 429 in guess_often(url, headers=here)
        locked_out = httpx.get(url + "/metrics", auth=stack.admin, headers=here)
        assert locked_out.status_code == 429
        assert "Set-Cookie" not in locked_out.headers
        answers = [browser.get(path) for path in PAGES * 10]
        assert {answer.status_code for answer in answers} == {200}
        assert not any("Set-Cookie" in answer.headers for answer in answers)
        cookie = {**here, "Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    assert status(url, auth=("admin", "wrong"), headers=cookie) == 401, "the cookie is no login"
    assert status(url, headers=cookie) == 401
    assert status(url, auth=stack.admin) == 200


def test_only_the_right_password_makes_a_browser_known(stack: LiveStack, url: str, here: Mapping[str, str]) -> None:
    for password in (KEY, "wrong"):
        assert "Set-Cookie" not in httpx.get(url + "/metrics", auth=("admin", password), headers=here).headers
    static = httpx.get(url + "/mlflow/static-files/index.html", auth=stack.admin, headers=here)
    assert "public" in static.headers["Cache-Control"]
    assert "Set-Cookie" not in static.headers, "whoever keeps the answer would give the cookie to others"


HEADERS = ["X-Forwarded-For: {}", "Forwarded: for={};proto=https"]


@pytest.fixture(scope="module")
def behind_a_proxy(stack: LiveStack, url: str) -> Mapping[tuple[str, str], Statuses]:
    """Guesses of one client; then the administrator from there, from elsewhere, and without a proxy."""

    def guess(case: tuple[str, str]) -> Statuses:
        path, header = case
        name, _, value = header.partition(": ")
        one, other = {name: value.format(new_address())}, {name: value.format("198.51.100.1")}
        guesses = guess_often(url, path, headers=one)
        return Statuses(guesses, [status(url, auth=stack.admin, headers=headers) for headers in (one, other, {})])

    return at_once(guess, [(path, header) for path in PATHS for header in HEADERS])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_proxys_clients_are_told_apart(
    behind_a_proxy: Mapping[tuple[str, str], Statuses], path: str, header: str
) -> None:
    found = behind_a_proxy[path, header]
    assert 429 in found.guesses
    assert found.afterwards == [429, 200, 200]


def test_no_proxy_is_trusted_by_default(stack: LiveStack, tmp_path: Path, here: Mapping[str, str]) -> None:
    with server_beside(stack, tmp_path, SERVE_WORKERS="1") as url:
        assert predict(url, {"X-API-Key": WRONG, **here}).status_code == 401
        assert status(url, headers={"X-API-Key": WRONG, "Forwarded": f"for={here['X-Forwarded-For']}"}) == 401
    log = (tmp_path / "server.log").read_text()
    assert "failure 2 from there" in log
    assert here["X-Forwarded-For"] not in log
