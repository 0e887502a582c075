"""Notices to people, one for each change of a verdict or an alert. All SQL that writes them.

A notice is written in the transaction that changes the state, so that neither is there without the other; a process
of its own sends it (`serve/notices/`). It says what changed and where to look, and nothing of any applicant.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from fraud.verdict import Verdict

ALERT: Final = "alert"
OVER: Final = "over"
"""States of what a running server watches; those of a check are its verdicts."""
QUIET: Final = (str(Verdict.PASS), OVER)
"""States that need no action: the first one causes no notice, and none is repeated."""

_WRITE: Final = """
    INSERT INTO public.notices (about, place, state, before, report, repeats) VALUES (%s, %s, %s, %s, %s, %s)
"""
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('public.notices', 0))"
_LAST: Final = """
    SELECT state, written_at < now() - make_interval(secs => %s) FROM public.notices
    WHERE about = %s AND place = %s ORDER BY number DESC LIMIT 1
"""
_REPEAT: Final = """
    INSERT INTO public.notices (about, place, state, before, report, repeats)
    SELECT last.about, '', last.state, last.state,
        (SELECT max(report.number) FROM public.reports AS report WHERE report.kind = last.about), true
    FROM (
        SELECT DISTINCT ON (about) about, state, written_at FROM public.notices
        WHERE place = '' ORDER BY about, number DESC
    ) AS last
    WHERE last.state <> ALL (%s) AND last.about <> ALL (%s) AND last.written_at < now() - make_interval(secs => %s)
"""


def note_verdict(cursor: Cursor, about: str, before: str | None, verdict: str, report: int) -> None:
    """Write a notice where a check ended otherwise than the time before, whose verdict was `before`, if any."""
    if verdict != before and not (before is None and verdict in QUIET):
        cursor.execute(_WRITE, (about, "", verdict, before or "", report, False))


def note_alert(connection: Connection, about: str, place: str, *, is_on: bool, repeat_after: dt.timedelta) -> None:
    """Write a notice where an alert of a server begins or is over, and where it has lasted that long again."""
    state = ALERT if is_on else OVER
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        cursor.execute(_LAST, (repeat_after.total_seconds(), about, place))
        before, is_old = cursor.fetchone() or (OVER, False)
        if before != state or (is_on and is_old):
            cursor.execute(_WRITE, (about, place, state, before, None, before == state))


def repeat_verdicts(connection: Connection, events: tuple[str, ...], repeat_after: dt.timedelta) -> None:
    """Write a further notice of each verdict that has lasted that long again; not of `events`, which do not last."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        cursor.execute(_REPEAT, (list(QUIET), list(events), repeat_after.total_seconds()))
