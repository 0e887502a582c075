"""What operators ask for: asked twice it is done once, by nobody else, and on record."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import msgspec
import pytest
from psycopg2.extensions import make_dsn

from desk.assets import LIVE_URL
from desk.operate import live
from desk.operate.acts import Act
from desk.operate.requests import OperatorRequest, ask
from fraud.database import connect
from jenkins.schedule.requests import ACTS
from serve.journal.table import PERSON_EVENTS
from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute, fetch

Browsers = Callable[..., Browser]
People = Callable[..., str]
NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
HEARD = "INSERT INTO schedule_times (task, next_at) VALUES ('retrain', now() + interval '1 day')"


@pytest.fixture
def operator(browser: Browsers, people: People, database: str) -> Browser:
    """Somebody who operates, while a schedule is there."""
    execute(database, HEARD)
    here = browser()
    here.log_in_first("anna", people("anna", PersonRole.OPERATE))
    return here


@pytest.mark.parametrize("act", Act)
def test_an_act_is_asked_for_once_confirmed(operator: Browser, database: str, act: Act) -> None:
    asked = operator.get(f"/operate/{act}")
    assert act.told.question in asked.text
    assert fetch(database, "SELECT count(*) FROM operator_requests") == [(0,)], "the question alone does nothing"
    sent = operator.send(f"/operate/{act}")
    assert sent.headers["location"] == "/operate/requests/1"
    assert fetch(database, "SELECT act, person, begun_at FROM operator_requests") == [(act.value, "anna", None)]
    with connect(database) as connection:
        last = list(PERSON_EVENTS.events(connection))[-1]
    assert (last.person, last.kind) == ("anna", "asked_for")
    assert last.facts == f'{{"act":"{act}","address":"192.0.2.1","request":1}}'


def test_two_clicks_lead_to_one_run(operator: Browser, database: str) -> None:
    first, second = operator.send("/operate/retrain"), operator.send("/operate/retrain")
    assert first.headers["location"] == second.headers["location"]
    with connect(database) as connection:
        kinds = [event.kind for event in PERSON_EVENTS.events(connection)]
    assert kinds.count("asked_for") == 1
    execute(database, "UPDATE operator_requests SET ended_at = now()")
    assert operator.send("/operate/retrain").headers["location"] != first.headers["location"]


def test_clicks_at_the_same_time_lead_to_one_run(database: str) -> None:
    dsn = make_dsn(database, options="-c role=scoring_desk")

    def click(_: int) -> tuple[int, bool]:
        with connect(dsn) as connection:
            return ask(connection, Act.ROLLBACK, "anna")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(click, range(8)))
    assert len({number for number, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1


def test_without_a_schedule_nothing_is_asked_for(operator: Browser, database: str) -> None:
    execute(database, "UPDATE schedule_times SET told_at = now() - interval '6 minutes'")
    page = operator.get("/operate/rollback").text
    assert "<form class=" not in page
    assert "python -m bench rollback" in page
    token = operator.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
    answer = operator.client.post("/operate/rollback", data={"form_token": token})
    assert answer.status_code == 409
    assert "no schedule is running" in answer.text
    assert fetch(database, "SELECT count(*) FROM operator_requests") == [(0,)]


def test_a_form_of_another_site_asks_for_nothing(operator: Browser, database: str) -> None:
    assert operator.client.post("/operate/rollback", data={"form_token": "0" * 64}).status_code == 403
    assert operator.client.post("/operate/rollback").status_code == 403
    assert fetch(database, "SELECT count(*) FROM operator_requests") == [(0,)]


@pytest.mark.parametrize("role", [role for role in PersonRole if role is not PersonRole.OPERATE])
def test_other_roles_ask_for_nothing(browser: Browsers, people: People, database: str, role: PersonRole) -> None:
    execute(database, HEARD)
    here = browser()
    here.log_in_first("bert", people("bert", role))
    for path in ("/operate", "/operate/rollback", "/operate/requests/1"):
        assert here.get(path).status_code == 403
    token = here.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
    assert here.client.post("/operate/rollback", data={"form_token": token}).status_code == 403
    assert '"/operate' not in here.get("/").text
    assert fetch(database, "SELECT count(*) FROM operator_requests") == [(0,)]
    assert browser().get("/operate").headers["location"].startswith("/login?")


@pytest.mark.parametrize(
    ("change", "state", "reloads"),
    [
        ("SET output = ''", "waiting", True),
        ("SET begun_at = now(), output = '<b>stage 1</b>'", "running", True),
        ("SET begun_at = now(), ended_at = now(), exit_status = 0", "pass", False),
        ("SET begun_at = now(), ended_at = now(), exit_status = 10", "fail", False),
        ("SET begun_at = now(), ended_at = now(), exit_status = 1", "error", False),
        ("SET begun_at = now(), ended_at = now()", "aborted", False),
        ("SET ended_at = now(), output = 'nobody took it'", "not done", False),
    ],
)
def test_a_request_tells_how_it_goes(
    operator: Browser, database: str, change: str, state: str, *, reloads: bool
) -> None:
    operator.send("/operate/check-drift")
    execute(database, f"UPDATE operator_requests {change}")
    page = operator.get("/operate/requests/1").text
    assert f'data-verdict="{state}"' in page
    assert ('http-equiv="refresh"' in page) is reloads
    assert "<b>stage" not in page
    assert f'data-verdict="{state}"' in operator.get("/operate").text


def followed(*found: OperatorRequest | None) -> list[str]:
    """The events of a request that is found so, one look after the other."""
    looks = iter(found)

    async def all_events() -> list[str]:
        return [event async for event in live.events(lambda: next(looks))]

    return anyio.run(all_events)


def test_an_open_request_is_followed_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.0)
    waiting = OperatorRequest(1, Act.RETRAIN, "anna", NOW, None, None, None, "")
    running = msgspec.structs.replace(waiting, begun_at=NOW, output="stage 1\nhalf")
    ended = msgspec.structs.replace(running, ended_at=NOW, exit_status=0)
    told = [event.split("\n", 1) for event in followed(waiting, waiting, running, ended)]
    assert [name for name, _ in told] == ["event: told"] * 3 + ["event: ended"]
    assert [json.loads(data.removeprefix("data: "))["state"] for _, data in told] == [
        *("waiting", "running", "pass", "pass")
    ]
    assert json.loads(told[1][1].removeprefix("data: "))["output"] == "stage 1\nhalf"
    assert followed(waiting, None)[1:] == [], "whoever may not see it any more is told nothing more"


def test_a_request_that_has_ended_is_followed_to_its_end(operator: Browser, database: str) -> None:
    operator.send("/operate/check-drift")
    assert f'<script src="{LIVE_URL}" defer>' in operator.get("/operate/requests/1").text
    assert operator.get(LIVE_URL).headers["content-type"].startswith("text/javascript")
    execute(database, "UPDATE operator_requests SET begun_at = now(), ended_at = now(), exit_status = 0")
    answer = operator.get("/operate/requests/1/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("event: ") == 2
    assert "<script" not in operator.get("/operate/requests/1").text
    execute(database, "DELETE FROM people_sessions")
    assert operator.get("/operate/requests/1/events").headers["location"].startswith("/login?")


def test_a_run_that_has_ended_leads_to_its_report(operator: Browser, database: str) -> None:
    operator.send("/operate/check-drift")
    execute(
        database,
        "UPDATE operator_requests SET begun_at = now() - interval '9 s', ended_at = now(), exit_status = 0;"
        " INSERT INTO reports (kind, made_at, verdict, page, facts, sha256) SELECT kind, now() - age, 'pass', '', '{}',"
        " sha256('') FROM (VALUES ('drift', interval '1 h'), ('drift', '5 s'), ('gate', '5 s')) AS made (kind, age)",
    )
    page = operator.get("/operate/requests/1").text
    assert 'href="/reports/2"' in page
    assert 'href="/reports/1"' not in page


@pytest.mark.parametrize("path", ["/operate/drop-all", "/operate/requests/2", "/operate/requests/99999999999999999999"])
def test_an_unknown_page_is_a_404_page(operator: Browser, path: str) -> None:
    assert operator.get(path).status_code == 404


def test_every_request_that_the_page_offers_can_be_run() -> None:
    assert set(ACTS) == set(Act)
