"""Every spelling of a scoring route is that route: the same login, answer, headers, record and metrics."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from fraud.api_keys import ApiKey, Role, new_key
from tests.live_stack import API_KEY, LOGIN, LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.scoring_routes import MLFLOW, ROUTES, VERSION, Route, check_error
from tests.serve.wire import KEY_LINE, Answer, Wire, in_chunks, post, request

ROLELESS_KEY = new_key()
MAX_BODY_BYTES = 100_000
FREE = {"date", "x-request-id"}
"""Headers that are others each time."""


@pytest.fixture(scope="module")
def url(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one process, which knows us and a client that may not score."""
    keys = [ApiKey.of(API_KEY, "us", {Role.SCORE, Role.READ}), ApiKey.of(ROLELESS_KEY, "auditor", {Role.READ})]
    settings = {"API_KEYS": ",".join(map(str, keys)), "MAX_BODY_BYTES": str(MAX_BODY_BYTES)}
    with server_beside(stack, tmp_path_factory.mktemp("spelled"), SERVE_WORKERS="1", **settings) as url:
        yield url


@pytest.fixture(scope="module")
def version(url: str) -> str:
    return str(httpx.get(url + "/model-info", headers=LOGIN).json()["model_version"])


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with closing(Wire(url)) as wire:
        yield wire


def spellings(*oddities: str) -> pytest.MarkDecorator:
    """Each route with each of its other spellings, or with these."""
    return pytest.mark.parametrize(
        ("route", "spelling"),
        [
            pytest.param(route, spelling, id=f"{route.path}, {oddity}")
            for route in ROUTES
            for oddity, spelling in route.spellings().items()
            if not oddities or oddity in oddities
        ],
    )


every_spelling = spellings()
each_kind = spellings("a query", "percent-encoded", "absolute", "versioned")


@pytest.fixture
def target(spelling: str, version: str) -> str:
    """What is asked for, now that the version in charge is known."""
    return spelling.replace(VERSION, version)


def ask(wire: Wire, request: bytes) -> Answer:
    wire.send(request)
    return wire.answer()


def same(answer: Answer) -> list[tuple[str, str]]:
    return sorted(line for line in answer.lines if line[0] not in FREE)


@every_spelling
def test_the_answer_is_the_same(wire: Wire, route: Route, target: str) -> None:
    plain, other = (ask(wire, post(path, route.body, "X-Request-ID: same")) for path in (route.path, target))
    assert plain.status == other.status == 200
    assert other.body == plain.body
    assert same(other) == same(plain)
    assert other.headers["x-request-id"] == "same"


LONG = bytes(MAX_BODY_BYTES + 1)
Asking = Callable[[str, bytes], bytes]
"""A path and a body that it takes -> a request."""
REFUSALS: dict[str, tuple[int, Asking]] = {
    "no login": (401, lambda path, body: post(path, body).replace(KEY_LINE.encode(), b"X-Nothing: here")),
    "a key of another role": (
        403,
        lambda path, body: post(path, body).replace(API_KEY.encode(), ROLELESS_KEY.encode()),
    ),
    "another site's page": (403, lambda path, body: post(path, body, "Origin: https://elsewhere.example")),
    "a name that is none": (400, lambda path, body: post(path, body, "X-Request-ID: a b")),
    "no JSON": (400, lambda path, _body: post(path, b"no JSON")),
    "an empty body": (400, lambda path, _body: post(path, b"")),
    "no rows": (422, lambda path, _body: post(path, b"{}")),
    "another type": (415, lambda path, body: post(path, body, "Content-Type: text/html")),
    "another encoding": (415, lambda path, body: post(path, body, "Content-Encoding: br")),
    "a long body": (413, lambda path, _body: post(path, LONG)),
    "a long body in chunks": (
        413,
        lambda path, _body: request(
            "POST", path, "Host: here", KEY_LINE, "Transfer-Encoding: chunked", body=in_chunks(LONG)
        ),
    ),
}


@each_kind
@pytest.mark.parametrize(("status", "asking"), REFUSALS.values(), ids=REFUSALS)
def test_the_refusal_is_the_same(url: str, route: Route, target: str, status: int, asking: Asking) -> None:
    answers = []
    for path in (route.path, target):
        with closing(Wire(url)) as wire:
            answers.append(ask(wire, asking(path, route.body)))
    plain, other = answers
    # MLflow's protocol has one status for whatever is wrong with a body.
    expected = 400 if status == 422 and route.form == MLFLOW else status
    assert plain.status == other.status == expected
    check_error(other, route.form)
    assert same(other) == same(plain)
    without_name = [re.sub(rb"[0-9a-f]{32}", b"", answer.body) for answer in answers]
    assert without_name[0] == without_name[1]


def counted(url: str) -> dict[str, float]:
    """Requests by label."""
    page = httpx.get(url + "/metrics", headers=LOGIN).text
    return {
        label: float(value)
        for label, value in re.findall(r'^scoring_requests_total\{(endpoint="[^"]*",status="\d+")\} (\S+)', page, re.M)
    }


@each_kind
@pytest.mark.parametrize(("status", "body"), [(200, None), (400, b"no JSON"), (415, b"<p>")])
def test_another_spelling_is_counted_as_the_plain_path(
    url: str, wire: Wire, route: Route, target: str, status: int, body: bytes | None
) -> None:
    content_type = "Content-Type: text/html" if status == 415 else "X-Nothing: here"
    before = counted(url)
    assert ask(wire, post(target, body or route.body, content_type)).status == status
    after = counted(url)
    label = f'endpoint="{route.path}",status="{status}"'
    assert {name: after[name] - before.get(name, 0.0) for name in after if after[name] != before.get(name)} == {
        label: 1.0
    }


@each_kind
def test_a_refused_login_is_counted_as_that_of_the_plain_one(url: str, wire: Wire, route: Route, target: str) -> None:
    changes = []
    for path in (route.path, target):
        before = counted(url)
        assert ask(wire, REFUSALS["no login"][1](path, route.body)).status == 401
        after = counted(url)
        changes.append({name: after[name] - before.get(name, 0.0) for name in after})
    plain, other = ({name: count for name, count in change.items() if count} for change in changes)
    assert other == plain


@each_kind
def test_another_spelling_is_recorded_as_the_plain_path(
    stack: LiveStack, wire: Wire, route: Route, target: str
) -> None:
    name = uuid.uuid4().hex
    assert ask(wire, post(target, route.body, f"X-Request-ID: {name}")).status == 200
    statement = "SELECT endpoint, caller FROM prediction_requests WHERE request_id = %s"
    wait_until(lambda: fetch(stack.owner_dsn, statement, name) == [(route.path, "us")], 30, "it is on record")


@pytest.mark.parametrize("route", [pytest.param(ROUTES[0], id="ours"), pytest.param(ROUTES[-1], id="inference v2")])
def test_an_idempotency_key_is_the_same_for_every_spelling(wire: Wire, version: str, route: Route) -> None:
    line = f"Idempotency-Key: {uuid.uuid4().hex}"
    answers = [ask(wire, post(path, route.body, line)) for path in (route.path, *route.spellings(version).values())]
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, *["true"] * (len(answers) - 1)]


@pytest.mark.parametrize("target", ["/predict/", "//predict", "/Predict", "/predict;x=1", "/predict%2f", "/./predict"])
def test_a_wrong_spelling_is_not_found(wire: Wire, target: str) -> None:
    answer = ask(wire, post(target, ROUTES[0].body))
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
