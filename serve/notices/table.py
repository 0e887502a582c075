"""Notices and their deliveries in PostgreSQL: all SQL for sending and showing them."""

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
    """Ways of notification."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class Notice(msgspec.Struct, frozen=True):
    """A change of a verdict or an alert."""

    number: int
    written_at: dt.datetime
    about: str
    """A kind of report, or an alert."""
    place: str
    """The server of an alert; empty for a verdict."""
    state: str
    before: str
    report: int | None
    repeats: bool


class Delivery(msgspec.Struct, frozen=True):
    """The delivery of a notice by one way."""

    way: str
    state: str
    """`waiting`, `sent` or `lost`."""
    tries: int
    fault: str


class ToldNotice(msgspec.Struct, frozen=True):
    """A notice with its deliveries; none if no way is configured."""

    notice: Notice
    deliveries: Sequence[Delivery]


class Patience(msgspec.Struct, frozen=True):
    """Retry intervals of a notice that was not accepted, seconds."""

    first_s: float = 10.0
    longest_s: float = 1800.0
    lost_after_s: float = 86_400.0
    """Age at which a notice is lost; ways configured later don't send it either."""


def enqueue(connection: Connection, ways: Sequence[WayName], patience: Patience) -> None:
    """Queue each notice that is not too old for delivery by these ways."""
    with connection.cursor() as cursor:
        cursor.execute(_ENQUEUE, ([str(way) for way in ways], patience.lost_after_s))


def claim(connection: Connection, way: WayName, patience: Patience) -> Notice | None:
    """Claim the oldest notice that is due; no other process gets it before its next try is due, even after a kill."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"way": way, "first": patience.first_s, "longest": patience.longest_s})
        found = cursor.fetchone()
    return None if found is None else Notice(*found)


def mark_sent(connection: Connection, notice: Notice, way: WayName) -> None:
    """Mark a delivery as accepted."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT, (notice.number, way))


def mark_failed(connection: Connection, notice: Notice, way: WayName, fault: str, patience: Patience) -> bool:
    """Mark a delivery as failed; returns whether the notice is lost."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, (fault, patience.lost_after_s, notice.number, way))
        return cursor.fetchone() == ("lost",)


def list_notices(connection: Connection, most: int) -> list[ToldNotice]:
    """Notices, newest first, with their deliveries."""
    with connection.cursor() as cursor:
        cursor.execute(_LIST, (most,))
        return [_told(found) for found in cursor.fetchall()]


def count_lost(connection: Connection, within: dt.timedelta) -> int:
    """Number of deliveries given up within this time."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_LOST, (within.total_seconds(),))
        ((count,),) = cursor.fetchall()
    return int(count)


def _told(found: tuple[Any, ...]) -> ToldNotice:
    *values, deliveries = found
    told = [Delivery(way, state, int(tries), fault) for way, state, tries, fault in deliveries]
    return ToldNotice(Notice(*values), told)
