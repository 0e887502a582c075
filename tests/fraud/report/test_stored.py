"""Reports in the database: kept as they were made, listed, and removed with the record that they are about."""

from __future__ import annotations

import datetime as dt
import logging

import msgspec
import psycopg2
import pytest

from fraud.database import connect
from fraud.report.stored import Report, ReportKind, find_report, list_reports, newest_reports, store_report
from tests.serve.prediction_log_rows import execute, fetch

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def report(kind: ReportKind = ReportKind.DRIFT, verdict: str = "pass", at: dt.datetime = NOON) -> Report:
    return Report(kind, at, verdict, "<!doctype html><p>Müller", '{"verdict": "pass"}')


def test_a_report_is_found_as_it_was_stored(database: str) -> None:
    number = store_report(database, report())
    assert number is not None
    with connect(database) as connection:
        found = find_report(connection, number)
        assert found is not None
        assert found.report == report()
        assert found.is_unchanged
        assert find_report(connection, number + 1) is None


def test_characters_that_the_database_has_no_place_for_cost_no_report(database: str) -> None:
    hostile = msgspec.structs.replace(report(), page="<p>\0", facts=r'{"reasons": ["\u0000 \ud800"]}')
    number = store_report(database, hostile)
    assert number is not None
    with connect(database) as connection:
        found = find_report(connection, number)
    assert found is not None
    assert found.is_unchanged
    assert (found.report.page, found.report.facts) == ("<p>\ufffd", hostile.facts)


def test_lists_begin_with_the_newest(database: str) -> None:
    numbers = [store_report(database, report(kind)) for kind in (ReportKind.GATE, ReportKind.DRIFT, ReportKind.GATE)]
    with connect(database) as connection:
        assert [one.number for one in list_reports(connection, None, 10)] == numbers[::-1]
        assert [one.number for one in list_reports(connection, ReportKind.GATE, 10)] == [numbers[2], numbers[0]]
        assert [one.number for one in list_reports(connection, None, 1)] == numbers[2:]
        assert {one.kind: one.number for one in newest_reports(connection)} == {"gate": numbers[2], "drift": numbers[1]}


@pytest.mark.parametrize("change", ["page = page || ' '", "facts = '{}'"])
def test_a_changed_report_is_found_to_be_changed(database: str, change: str) -> None:
    number = store_report(database, report())
    assert number is not None
    statement = f"ALTER TABLE reports DISABLE TRIGGER ALL; UPDATE reports SET {change}"  # noqa: S608 - this test's own
    execute(database, statement)
    with connect(database) as connection:
        found = find_report(connection, number)
        assert found is not None
        assert not found.is_unchanged


def test_reports_are_not_changed_by_chance(database: str) -> None:
    store_report(database, report())
    with pytest.raises(psycopg2.errors.RaiseException, match="reports only grows"):
        execute(database, "UPDATE reports SET verdict = 'pass'")


@pytest.mark.parametrize("dsn", ["host=127.0.0.1 port=1 dbname=none", None], ids=["away", "of before reports"])
def test_a_check_goes_on_where_the_database_takes_no_report(
    database: str, dsn: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if dsn is None:
        execute(database, "DROP TABLE reports")
    with caplog.at_level(logging.WARNING):
        assert store_report(dsn or database, report()) is None
    assert "the report is not in the database" in caplog.text


def test_reports_go_with_the_months_of_the_record(database: str) -> None:
    now = dt.datetime.now(dt.UTC)
    for days in (0, 40, 400):
        store_report(database, report(at=now - dt.timedelta(days=days)))
    assert fetch(database, "SELECT remove_old_reports(3)") == [(1,)]
    assert fetch(database, "SELECT count(*) FROM reports") == [(2,)]
    with pytest.raises(psycopg2.errors.RaiseException, match="expected 1 or more"):
        fetch(database, "SELECT remove_old_reports(0)")
