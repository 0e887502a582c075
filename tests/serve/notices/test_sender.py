"""Each change is told once by each way, again while it lasts, and shown as lost where nobody took it."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator

import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.notices import ALERT, OVER
from fraud.report.stored import Report, ReportKind, store_report
from serve.notices.alerts import Alerts, Requests
from serve.notices.errors import NotSent
from serve.notices.sender import Sender, Telling, Way
from serve.notices.table import Delivery, Patience, WayName, list_notices
from serve.notices.webhook import Webhook
from serve.notices.words import REFUSALS, SPOOL, Message
from serve.prediction_log.metrics import LogMetrics
from tests.live_stack import wait_until
from tests.serve.notices.receiver import KEY, Receiver, receiving
from tests.serve.prediction_log_rows import execute, fetch

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
AT_ONCE = Patience(first_s=0.0, longest_s=0.0)
DAY = dt.timedelta(days=1)


class Mailbox:
    """Another way; it takes what it may."""

    name = WayName.MAIL

    def __init__(self) -> None:
        self.headlines: list[str] = []
        self.is_open = True

    def send(self, message: Message) -> None:
        if not self.is_open:
            raise NotSent("closed")
        self.headlines.append(message.headline)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiving(receiver):
        yield receiver


def check(dsn: str, *verdicts: str, kind: ReportKind = ReportKind.DRIFT) -> None:
    """Checks that ended so, one after the other, by the role that stores them."""
    role = "scoring_auditor" if kind is ReportKind.VERIFY else "scoring_trainer"
    for verdict in verdicts:
        assert store_report(make_dsn(dsn, options=f"-c role={role}"), Report(kind, NOON, verdict, "page", "{}"))


def sender(dsn: str, *ways: Way, alerts: Alerts | None = None, patience: Patience = AT_ONCE) -> Sender:
    telling = Telling(ways, "https://scoring.example", DAY, patience)
    quiet = Alerts(lambda: 0.0, lambda: Requests(0, 0))
    return Sender(make_dsn(dsn, options="-c role=scoring_server"), telling, alerts or quiet, "web-1:8000")


def deliveries(dsn: str) -> list[list[Delivery]]:
    with connect(dsn) as connection:
        return [list(told.deliveries) for told in reversed(list_notices(connection, 100))]


def age(dsn: str, by: dt.timedelta) -> None:
    """Have all notices be older."""
    execute(dsn, "ALTER TABLE notices DISABLE TRIGGER ALL")
    execute(dsn, "UPDATE notices SET written_at = written_at - %s", by)


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (["pass", "pass"], []),
        (["fail", "fail"], ["fail"]),
        (["pass", "fail", "fail", "pass"], ["fail (before: pass)", "pass (before: fail)"]),
        (["inconclusive", "data_quality_fault"], ["inconclusive", "data quality fault (before: inconclusive)"]),
    ],
)
def test_each_change_of_a_verdict_is_told_once(database: str, verdicts: list[str], told: list[str]) -> None:
    check(database, *verdicts)
    check(database, "pass", kind=ReportKind.VERIFY)
    mailbox = Mailbox()
    here = sender(database, mailbox)
    for _ in range(2):
        here.send()
    assert mailbox.headlines == [f"Drift check: {state}" for state in told]


def test_a_notice_is_there_with_its_report_or_not_at_all(database: str) -> None:
    execute(database, "REVOKE INSERT ON notices FROM scoring_trainer")
    dsn = make_dsn(database, options="-c role=scoring_trainer")
    assert store_report(dsn, Report(ReportKind.DRIFT, NOON, "fail", "page", "{}")) is None
    assert fetch(database, "SELECT count(*) FROM reports") == [(0,)]


def test_each_way_gets_it_and_one_that_is_down_holds_up_no_other(database: str, receiver: Receiver) -> None:
    check(database, "fail")
    receiver.status = 500
    mailbox = Mailbox()
    here = sender(database, Webhook(receiver.url, KEY), mailbox)
    here.send()
    assert mailbox.headlines == ["Drift check: fail"]
    assert deliveries(database) == [
        [Delivery("mail", "sent", 1, ""), Delivery("webhook", "waiting", 1, "NOTIFY_URL answered 500")]
    ]
    receiver.status = 204
    here.send()
    (taken,) = receiver.taken
    assert (taken["about"], taken["state"], taken["what_to_do"][:10]) == ("drift", "fail", "Applicants")
    assert taken["link"].startswith("https://scoring.example/reports/")
    assert deliveries(database)[0][1] == Delivery("webhook", "sent", 2, "")
    assert mailbox.headlines == ["Drift check: fail"]


def test_without_a_way_nothing_is_sent_and_nothing_fails(database: str) -> None:
    check(database, "fail")
    sender(database).send()
    assert deliveries(database) == [[]]


def test_the_pause_between_tries_grows_up_to_a_bound(database: str) -> None:
    check(database, "fail")
    mailbox = Mailbox()
    mailbox.is_open = False
    here = sender(database, mailbox, patience=Patience(first_s=100.0, longest_s=250.0))
    pauses = []
    for _ in range(3):
        here.send()
        here.send()
        pauses += fetch(database, "SELECT round(extract(epoch FROM due_at - now()))::integer FROM notice_deliveries")
        execute(database, "UPDATE notice_deliveries SET due_at = now()")
    assert [round(pause, -1) for (pause,) in pauses] == [100, 200, 250]


def test_an_undeliverable_notice_expires_and_is_shown(database: str, caplog: pytest.LogCaptureFixture) -> None:
    check(database, "fail", kind=ReportKind.GATE)
    mailbox = Mailbox()
    mailbox.is_open = False
    here = sender(database, mailbox)
    here.send()
    age(database, dt.timedelta(hours=23))
    here.send()
    assert deliveries(database) == [[Delivery("mail", "waiting", 2, "closed")]]
    age(database, dt.timedelta(hours=1))
    caplog.set_level(logging.CRITICAL)
    here.send()
    assert deliveries(database) == [[Delivery("mail", "lost", 3, "closed")]]
    assert "is lost, it was not delivered by mail: closed" in caplog.text
    mailbox.is_open = True
    here.send()
    assert mailbox.headlines == []


def test_a_way_that_is_set_up_later_is_not_flooded_with_what_is_past(database: str) -> None:
    check(database, "fail")
    age(database, 2 * DAY)
    check(database, "pass")
    mailbox = Mailbox()
    sender(database, mailbox).send()
    assert mailbox.headlines == ["Drift check: pass (before: fail)"]


def test_a_lasting_alert_is_repeated_with_the_newest_report(database: str, receiver: Receiver) -> None:
    check(database, "fail")
    check(database, "fail", kind=ReportKind.GATE)
    check(database, "pass", "fail", "pass", kind=ReportKind.VERIFY)
    check(database, "fail")
    here = sender(database, Webhook(receiver.url, KEY))
    here.send()
    receiver.taken.clear()
    age(database, DAY)
    for _ in range(2):
        here.send()
    ((number,),) = fetch(database, "SELECT max(number) FROM reports WHERE kind = 'drift'")
    assert [(told["headline"], told["link"]) for told in receiver.taken] == [
        ("Drift check: still fail", f"https://scoring.example/reports/{number}")
    ]


def test_alerts_of_a_server_begin_last_and_are_over(database: str) -> None:
    share = 0.6
    mailbox = Mailbox()
    here = sender(database, mailbox, alerts=Alerts(lambda: share, lambda: Requests(0, 0)))
    for _ in range(2):
        here.watch()
    age(database, DAY)
    here.watch()
    share = 0.0
    for _ in range(2):
        here.watch()
    rows = fetch(database, "SELECT about, place, state, repeats FROM notices ORDER BY number")
    place = "web-1:8000"
    assert rows == [(SPOOL, place, ALERT, False), (SPOOL, place, ALERT, True), (SPOOL, place, OVER, False)]
    assert REFUSALS not in {row[0] for row in rows}


def test_servers_share_the_work(database: str) -> None:
    check(database, *["fail", "pass"] * 10)
    boxes = [Mailbox(), Mailbox()]
    threads = [threading.Thread(target=sender(database, box, patience=Patience()).send) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(boxes[0].headlines) + len(boxes[1].headlines) == 20


def test_the_sender_catches_up_after_an_outage_of_the_database(database: str) -> None:
    mailbox, stop, metrics = Mailbox(), threading.Event(), LogMetrics()
    here = sender(database, mailbox)
    thread = threading.Thread(target=here.run, args=(stop, metrics.upkeep))
    check(database, "fail")
    execute(database, "REVOKE SELECT ON notices FROM scoring_server")
    thread.start()
    behind = metrics.upkeep.behind_s.labels("notices")
    wait_until(lambda: behind._value.get() > 0, 20, "it is behind")
    execute(database, "GRANT SELECT ON notices TO scoring_server")
    wait_until(lambda: bool(mailbox.headlines), 20, "it has caught up")
    stop.set()
    thread.join()
    assert mailbox.headlines == ["Drift check: fail"]
