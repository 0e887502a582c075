"""Which browsers are known again, and that a cookie is worth nothing else."""

from __future__ import annotations

import pytest

from serve.access.known_browsers import COOKIE, KNOWN_FOR_S, KnownBrowsers

NOW_S = 1_800_000_000.0


def browsers(login: str = "admin:right", now_s: float = NOW_S) -> KnownBrowsers:
    name, _, password = login.partition(":")
    return KnownBrowsers(name, password, lambda: now_s)


COOKIE_VALUE = browsers().new_cookie()


def test_each_browser_gets_a_name_of_its_own_that_all_processes_know() -> None:
    first, second = (f"{COOKIE}={browsers().new_cookie()}" for _ in range(2))
    names = {browsers().name_of([cookie]) for cookie in (first, first, second)}
    assert len(names) == 2
    assert None not in names


@pytest.mark.parametrize(
    "cookies",
    [
        pytest.param([f"a=b; {COOKIE}={COOKIE_VALUE} ;c=d"], id="among others"),
        pytest.param(["a=b", f"{COOKIE}={COOKIE_VALUE}"], id="in the second header"),
        pytest.param([f"{COOKIE}=of another server; {COOKIE}={COOKIE_VALUE}"], id="beside one of another server"),
    ],
)
def test_a_cookie_is_found(cookies: list[str]) -> None:
    assert browsers().name_of(cookies) is not None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("..", id="nothing but dots"),
        pytest.param("\xff\xe9", id="no ASCII"),
        pytest.param(COOKIE_VALUE[:-1], id="cut"),
        pytest.param("9" + COOKIE_VALUE, id="a longer life"),
        pytest.param(COOKIE_VALUE.replace(".", ".00", 1), id="another name"),
        pytest.param(browsers("admin:wrong").new_cookie(), id="made with another password"),
        pytest.param(browsers("root:right").new_cookie(), id="made for another user"),
        pytest.param(browsers(now_s=NOW_S - KNOWN_FOR_S - 1).new_cookie(), id="too old"),
    ],
)
def test_another_value_is_no_known_browser(value: str) -> None:
    assert browsers().name_of([f"{COOKIE}={value}"]) is None


def test_no_cookie_is_no_known_browser() -> None:
    assert browsers().name_of([]) is None
    assert browsers().name_of([f"other={COOKIE_VALUE}", COOKIE]) is None
