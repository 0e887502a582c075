"""Notices and how they were delivered, in PostgreSQL: all SQL of who sends them and who shows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from psycopg2.extensions import connection as Connection

_ENQUEUE: Final = """
    INSERT INTO public.notice_deliveries (notice, way)
    SELECT number, way FROM public.notices, unnest(%s::text[]) AS way
    WHERE written_at > now() - make_interval(secs => %s)
    ON CONFLICT DO NOTHING
"""
_CLAIM: Final = """
    WITH claimed AS (
        UPDATE public.notice_deliveries AS delivery
        SET tries = tries + 1, due_at = now() + make_interval(secs => least(%(first)s * 2 ^ tries, %(longest)s))
        WHERE (notice, way) IN (
            SELECT notice, way FROM public.notice_deliveries
            WHERE state = 'waiting' AND way = %(way)s AND due_at <= now()
            ORDER BY notice LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING notice
    )
    SELECT number, written_at, about, place, state, before, report, repeats
    FROM public.notices JOIN claimed ON number = notice
"""
_SENT: Final = """
    UPDATE public.notice_deliveries SET state = 'sent', ended_at = now(), fault = NULL WHERE notice = %s AND way = %s
"""
_FAILED: Final = """
    UPDATE public.notice_deliveries AS delivery
    SET fault = %s,
        state = CASE WHEN is_late THEN 'lost' ELSE 'waiting' END,
        ended_at = CASE WHEN is_late THEN now() END
    FROM (
        SELECT number, clock_timestamp() > written_at + make_interval(secs => %s) AS is_late FROM public.notices
    ) AS told
    WHERE notice = %s AND way = %s AND number = notice
    RETURNING delivery.state
"""
_LIST: Final = """
    SELECT number, written_at, about, place, notices.state, before, report, repeats, coalesce(
        (
            SELECT array_agg(ARRAY[way, delivery.state, tries::text, coalesce(fault, '')] ORDER BY way)
            FROM public.notice_deliveries AS delivery WHERE notice = number
        ), '{}'
    )
    FROM public.notices ORDER BY number DESC LIMIT %s
"""
_COUNT_LOST: Final = """
    SELECT count(*) FROM public.notice_deliveries WHERE state = 'lost' AND ended_at > now() - make_interval(secs => %s)
"""


class WayName(StrEnum):
    """How people are told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class Notice(msgspec.Struct, frozen=True):
    """A change of a verdict or an alert."""

    number: int
    written_at: dt.datetime
    about: str
    """A kind of report, or an alert."""
    place: str
    """The server that an alert is of; empty for a verdict."""
    state: str
    before: str
    report: int | None
    repeats: bool


class Delivery(msgspec.Struct, frozen=True):
    """How one way took a notice."""

    way: str
    state: str
    """`waiting`, `sent` or `lost`."""
    tries: int
    fault: str


class ToldNotice(msgspec.Struct, frozen=True):
    """A notice, and how it was told; by no way where none is set."""

    notice: Notice
    deliveries: Sequence[Delivery]


class Patience(msgspec.Struct, frozen=True):
    """When a notice that was not taken is sent again, seconds."""

    first_s: float = 10.0
    longest_s: float = 1800.0
    lost_after_s: float = 86_400.0
    """From then on it is lost, and not sent by a way that was set up later either."""


def enqueue(connection: Connection, ways: Sequence[WayName], patience: Patience) -> None:
    """Have each notice that is not too old delivered by these ways."""
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, ([str(way) for way in ways], patience.lost_after_s))


def claim(connection: Connection, way: WayName, patience: Patience) -> Notice | None:
    """The oldest notice that is to be sent now; nobody else gets it before the next try is due, even after a kill."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"way": way, "first": patience.first_s, "longest": patience.longest_s})
        found = cursor.fetchone()
    return None if found is None else Notice(*found)


def mark_sent(connection: Connection, notice: Notice, way: WayName) -> None:
    """It was taken."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT, (notice.number, way))


def mark_failed(connection: Connection, notice: Notice, way: WayName, fault: str, patience: Patience) -> bool:
    """It was not taken; returns whether it is lost."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, (fault, patience.lost_after_s, notice.number, way))
        return cursor.fetchone() == ("lost",)


def list_notices(connection: Connection, most: int) -> list[ToldNotice]:
    """The newest first, with how they were told."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, (most,))
        return [_told(found) for found in cursor.fetchall()]


def count_lost(connection: Connection, within: dt.timedelta) -> int:
    """Deliveries that were given up within this time."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_LOST, (within.total_seconds(),))
        ((count,),) = cursor.fetchall()
    return int(count)


def _told(found: tuple[Any, ...]) -> ToldNotice:
    *values, deliveries = found
    told = [Delivery(way, state, int(tries), fault) for way, state, tries, fault in deliveries]
    return ToldNotice(Notice(*values), told)
