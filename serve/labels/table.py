"""Writes labels into `public.outcomes`: all SQL about it. The rules are in `record_outcomes` (v0022)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.errors import IdempotencyKeyReused, RowFault
from serve.labels.errors import InvalidLabels
from serve.labels.label import OUTCOME, Label, digest_of

_RECORD: Final = """
    SELECT state, recorded, corrected, withdrawn, unchanged, faulty
    FROM public.record_outcomes(%s, %s, %s, %s::text[], %s::smallint[], %s::date[], %s::text[])
"""
_SUBMISSIONS: Final = """
    SELECT recorded_at, author, recorded, corrected, withdrawn, unchanged FROM public.label_submissions
    ORDER BY number DESC LIMIT %s
"""
_DELAYS: Final = """
    SELECT month, applications, labelled, extract(epoch FROM median_delay)::float8 / 86400,
        extract(epoch FROM delay_of_nine_in_ten)::float8 / 86400, corrected
    FROM public.label_delays ORDER BY month DESC LIMIT %s
"""


class Recorded(msgspec.Struct, frozen=True):
    """Counts of a submission's labels."""

    recorded: int
    """Labels of applications without an earlier label."""
    corrected: int
    withdrawn: int
    unchanged: int
    """Labels equal to the current one; they leave no entry."""
    replayed: bool = False
    """Whether the same labels were recorded under the same key before: the counts are those of then, and nothing
    changes.
    """


def record(connection: Connection, author: str, key: str, labels: Sequence[Label]) -> Recorded:
    """Record all labels; effective once the transaction is committed.

    Args:
        connection: of a role with the right to record: server, desk, or the owner.
        author: the sender.
        key: identifies this submission among the author's.
        labels: checked, each application once.

    Raises:
        InvalidLabels: a label withdraws an outcome that was never recorded.
        IdempotencyKeyReused: the author has sent other labels under this key.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    columns: list[list[Any]] = [
        [label.application_id for label in labels],
        [label.divorce for label in labels],
        [label.date for label in labels],
        [label.source for label in labels],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, (author, key, digest_of(labels), *columns))
        ((state, recorded, corrected, withdrawn, unchanged, faulty),) = cursor.fetchall()
    if state == "other labels":
        raise IdempotencyKeyReused(
            "this key was sent with other labels, or with labels that were erased since: nothing was recorded; use "
            "another key"
        )
    if state == "nothing to withdraw":
        told = (
            "is 'withdrawn', but no outcome of this application is recorded: expected an outcome, or another "
            "application_id"
        )
        raise InvalidLabels([RowFault(place - 1, OUTCOME, told) for place in faulty])
    return Recorded(recorded, corrected, withdrawn, unchanged, replayed=state == "replayed")


class Submission(msgspec.Struct, frozen=True):
    """A submission of labels."""

    recorded_at: dt.datetime
    author: str
    recorded: int
    corrected: int
    withdrawn: int
    unchanged: int


class Delay(msgspec.Struct, frozen=True):
    """Delays of the labels of a month's applications."""

    month: dt.date
    applications: int
    labelled: int
    median_days: float | None
    nine_in_ten_days: float | None
    """90th percentile of the delay."""
    corrected: int


def submissions(connection: Connection, most: int) -> list[Submission]:
    """Submissions, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_SUBMISSIONS, (most,))
        return [Submission(*row) for row in cursor.fetchall()]


def delays(connection: Connection, most: int) -> list[Delay]:
    """Delays by month of application, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_DELAYS, (most,))
        return [Delay(*row) for row in cursor.fetchall()]


def told(done: Recorded) -> str:
    """The counts as text."""
    numbers = (
        f"{done.recorded:,} new, {done.corrected:,} corrected, {done.withdrawn:,} withdrawn, {done.unchanged:,} "
        f"unchanged"
    )
    if done.replayed:
        return f"Nothing was done: these labels were recorded before under this key ({numbers})."
    return f"Recorded: {numbers}."
