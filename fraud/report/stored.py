"""Reports in PostgreSQL, so that any machine shows them: all SQL about them."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.notices import note_verdict

logger = logging.getLogger(__name__)

APPLICATION_NAME: Final = "report"

_STORE: Final = """
    INSERT INTO public.reports (kind, made_at, verdict, page, facts, sha256) VALUES (%s, %s, %s, %s, %s, %s)
    RETURNING number
"""
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('reports ' || %s, 0))"
_LAST_VERDICT: Final = "SELECT verdict FROM public.reports WHERE kind = %s ORDER BY number DESC LIMIT 1"
_LIST: Final = """
    SELECT number, kind, made_at, verdict FROM public.reports
    WHERE %(kind)s IS NULL OR kind = %(kind)s ORDER BY number DESC LIMIT %(most)s
"""
_NEWEST: Final = """
    SELECT DISTINCT ON (kind) number, kind, made_at, verdict FROM public.reports ORDER BY kind, number DESC
"""
_ONE: Final = "SELECT kind, made_at, verdict, page, facts, sha256 FROM public.reports WHERE number = %s"
_GATE_OF: Final = """
    SELECT number FROM public.reports
    WHERE kind = 'gate' AND facts::json ->> 'model_name' = %s AND facts::json #>> '{quality,candidate}' = %s
    ORDER BY verdict = 'pass' DESC, number DESC LIMIT 1
"""


class ReportKind(StrEnum):
    """Of what a report tells."""

    DRIFT = "drift"
    GROUPS = "groups"
    GATE = "gate"
    SHADOW = "shadow"
    RETRAINING = "retraining"
    REPLAY = "replay"
    PLAN = "plan"
    VERIFY = "verify"
    BACKUP = "backup"


class Report(msgspec.Struct, frozen=True):
    """What a check found, for people and for programs."""

    kind: str
    made_at: dt.datetime
    verdict: str
    page: str
    """HTML with all that it needs inside."""
    facts: str
    """The same as JSON."""

    @property
    def sha256(self) -> bytes:
        """Of page and facts."""
        return hashlib.sha256(self.page.encode() + b"\0" + self.facts.encode()).digest()


class ListedReport(msgspec.Struct, frozen=True):
    """One of a list."""

    number: int
    kind: str
    made_at: dt.datetime
    verdict: str


class FoundReport(msgspec.Struct, frozen=True):
    """A report as the database has it now."""

    report: Report
    is_unchanged: bool
    """Whether it is unchanged since it was stored."""


def store_report(dsn: str, report: Report) -> int | None:
    """Store a report, and a notice if its verdict has changed; returns its number.

    If the database refuses, return None and log it: the check does not fail, and its files are written in any case.
    """
    # PostgreSQL has no place for NUL, which a page may quote.
    report = msgspec.structs.replace(report, page=report.page.replace("\0", "\ufffd"))
    try:
        with connect(dsn, APPLICATION_NAME) as connection, connection.cursor() as cursor:
            return _store(cursor, report)
    except (DatabaseError, psycopg2.Error) as error:
        logger.warning("the report is not in the database (%s); its files are written", str(error).partition("\n")[0])
        return None


def _store(cursor: Cursor, report: Report) -> int:
    cursor.execute(_ONE_AT_A_TIME, (report.kind,))
    cursor.execute(_LAST_VERDICT, (report.kind,))
    last = cursor.fetchone()
    cursor.execute(_STORE, (report.kind, report.made_at, report.verdict, report.page, report.facts, report.sha256))
    ((number,),) = cursor.fetchall()
    note_verdict(cursor, report.kind, None if last is None else last[0], report.verdict, number)
    return int(number)


def list_reports(connection: Connection, kind: ReportKind | None, most: int) -> Sequence[ListedReport]:
    """The newest first; of one kind, or of all."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, {"kind": kind, "most": most})
        return [ListedReport(*found) for found in cursor.fetchall()]


def newest_reports(connection: Connection) -> Sequence[ListedReport]:
    """The newest of each kind."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return [ListedReport(*found) for found in cursor.fetchall()]


def find_report(connection: Connection, number: int) -> FoundReport | None:
    """One report; None if there is none of that number."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE, (number,))
        found = cursor.fetchone()
    if found is None:
        return None
    *values, sha256 = found
    report = Report(*values)
    return FoundReport(report, report.sha256 == bytes(sha256))


def gate_report_of(connection: Connection, model_name: str, version: int) -> tuple[int, FoundReport] | None:
    """The gate's report that let a version in, else the newest about it, with its number; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_GATE_OF, (model_name, str(version)))
        found = cursor.fetchone()
    report = None if found is None else find_report(connection, found[0])
    return None if found is None or report is None else (int(found[0]), report)
