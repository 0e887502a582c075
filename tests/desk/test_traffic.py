"""Traffic by the minute: what is kept, what an hour's rows say, and how exact times are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from desk.cockpit.counters import Counters
from desk.cockpit.minutes import MinuteKeeper, minute_between
from desk.cockpit.traffic import HOUR, KEPT, WEEK, Minute, Traffic, keep_minute, read_traffic
from fraud.database import connect
from serve.metrics import LATENCY_BUCKETS_S
from tests.desk.conftest import COUNTERS
from tests.serve.prediction_log_rows import execute, fetch

PLACES = len(LATENCY_BUCKETS_S) + 1
NOTHING = Counters(0, 0, 0, (), 0, 0.0)


def buckets(**by_place: int) -> tuple[int, ...]:
    return tuple(by_place.get(f"b{place}", 0) for place in range(PLACES))


def minute(answered: int = 60, seconds: float = 60.0) -> Minute:
    return Minute(seconds, answered, 2, 10 * answered, buckets(b0=answered - 1, b3=1))


@pytest.fixture
def desk(database: str) -> Iterator[Connection]:
    with connect(make_dsn(database, options="-c role=scoring_desk")) as connection:
        yield connection


@pytest.mark.parametrize(
    ("earlier", "later", "answered"),
    [
        pytest.param(NOTHING, COUNTERS, 1_234, id="the first requests"),
        pytest.param(COUNTERS, COUNTERS, 0, id="a quiet minute"),
        pytest.param(NOTHING, NOTHING, 0, id="nothing ever"),
        pytest.param(COUNTERS, NOTHING, None, id="counters began again"),
        pytest.param(msgspec.structs.replace(COUNTERS, refused=6), COUNTERS, None, id="one of them did"),
    ],
)
def test_a_minute_is_what_was_counted_between(earlier: Counters, later: Counters, answered: int | None) -> None:
    found = minute_between(earlier, later, 60.0)
    assert (None if found is None else found.answered) == answered
    assert found is None or sum(found.buckets) == answered


@pytest.mark.parametrize(
    ("found", "share", "told"),
    [
        pytest.param(buckets(), 0.5, "none yet", id="nothing answered"),
        pytest.param(buckets(b0=1), 0.99, "at most 0.025 ms", id="the first bucket"),
        pytest.param(buckets(b4=50, b6=50), 0.5, "at most 0.2 ms", id="just half"),
        pytest.param(buckets(b4=49, b8=51), 0.5, "at most 2.5 ms", id="a little less than half"),
        pytest.param(buckets(**{"b0": 1, f"b{PLACES - 1}": 1}), 0.99, "more than 2500 ms", id="beyond the last edge"),
    ],
)
def test_times_are_told_as_exactly_as_buckets_are(found: tuple[int, ...], share: float, told: str) -> None:
    assert Traffic(60.0, sum(found), 0, 0, found).within_ms(share) == told


def test_before_the_first_minute_nothing_is_told(desk: Connection) -> None:
    assert read_traffic(desk, HOUR) is None


def test_an_hour_and_a_week_sum_what_all_servers_counted(desk: Connection, database: str) -> None:
    for _ in range(3):
        keep_minute(desk, minute())
    desk.commit()
    execute(database, "UPDATE service_minutes SET at = now() - interval '2 hours' WHERE number = 1")
    desk.rollback()
    hour, week = read_traffic(desk, HOUR), read_traffic(desk, WEEK)
    assert hour is not None
    assert week is not None
    assert (hour.answered, hour.refused, hour.rows, hour.buckets) == (120, 4, 1_200, buckets(b0=118, b3=2))
    assert (week.answered, week.refused_share) == (180, 6 / 186)
    assert 55 < hour.seconds < 3_600
    assert 7_200 < week.seconds < 8_000, "a week that began two hours ago is two hours long"
    assert hour.requests_per_s == pytest.approx(120 / hour.seconds)


def test_minutes_go_once_no_page_shows_them(desk: Connection, database: str) -> None:
    keep_minute(desk, minute())
    desk.commit()
    execute(database, "UPDATE service_minutes SET at = now() - %s - interval '1 second'", KEPT)
    keep_minute(desk, minute())
    desk.commit()
    assert fetch(database, "SELECT number FROM service_minutes") == [(2,)]
    assert WEEK + dt.timedelta(minutes=1) < KEPT


def test_a_failed_write_is_added_to_the_next_row(database: str) -> None:
    counted = [COUNTERS]
    keeper = MinuteKeeper(make_dsn(database, options="-c role=scoring_desk"), lambda: counted[-1])
    counted.append(msgspec.structs.replace(COUNTERS, refused=7))
    execute(database, "ALTER TABLE service_minutes RENAME TO away")
    keeper.keep()
    execute(database, "ALTER TABLE away RENAME TO service_minutes")
    counted.append(msgspec.structs.replace(COUNTERS, refused=10))
    keeper.keep()
    assert fetch(database, "SELECT refused FROM service_minutes") == [(5,)]
