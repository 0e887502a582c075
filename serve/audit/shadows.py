"""A shadow version's answers about a person, for access and erasure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.audit.stored_rows import LoggedRecord
from serve.prediction_log.record import RecordPlace

_MAKE_MONTH: Final = "SELECT public.make_shadow_partition(timestamptz 'epoch' + %s * interval '1 microsecond')"
_KEEP_OUT: Final = """
    INSERT INTO public.shadow_predictions (chain_id, sequence, recorded_at)
    VALUES (%s::uuid, %s, timestamptz 'epoch' + %s * interval '1 microsecond') ON CONFLICT DO NOTHING
"""
_BLANK: Final = """
    UPDATE public.shadow_predictions SET probabilities[%s] = NULL
    WHERE chain_id = %s::uuid AND sequence = %s AND probabilities IS NOT NULL
"""
_OF_RECORDS: Final = """
    SELECT chain_id::text, sequence, model_version, probabilities
    FROM unnest(%s::uuid[], %s::bigint[]) AS place (chain_id, sequence)
    JOIN public.shadow_predictions USING (chain_id, sequence)
    WHERE probabilities IS NOT NULL
"""
_THERE: Final = "SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'r' AND relname = ANY(%s) ORDER BY relname"


class Shadow(msgspec.Struct, frozen=True):
    """A shadow version's answers to a record, row by row; None for an erased row."""

    model_version: int
    probabilities: Sequence[float | None]


def erase_shadows(connection: Connection, logged: LoggedRecord, rows: Sequence[int]) -> None:
    """Blank a record's rows, and block a shadow answer that may still be written.

    Raises:
        psycopg2.Error: PostgreSQL refuses.
    """
    facts = logged.record.facts
    place = str(logged.chain_id), facts.sequence
    with connection.cursor() as cursor:
        cursor.execute(_MAKE_MONTH, (facts.recorded_at,))
        # Waits for a shadow answer being written; a later one finds its place taken.
        cursor.execute(_KEEP_OUT, (*place, facts.recorded_at))
        for row in rows:
            cursor.execute(_BLANK, (row + 1, *place))


def shadows_of(connection: Connection, records: Iterable[LoggedRecord]) -> dict[RecordPlace, Shadow]:
    """The shadow answers of these records."""
    places = [(str(logged.chain_id), logged.record.facts.sequence) for logged in records]
    with connection.cursor() as cursor:
        cursor.execute(_OF_RECORDS, ([chain_id for chain_id, _ in places], [sequence for _, sequence in places]))
        return {
            RecordPlace(uuid.UUID(chain_id), sequence): Shadow(version, probabilities)
            for chain_id, sequence, version, probabilities in cursor.fetchall()
        }


def shadow_months(connection: Connection, months: Iterable[str]) -> list[str]:
    """The tables with shadow answers of these months of the log."""
    names = [month.replace("prediction_requests_", "shadow_predictions_") for month in months]
    with connection.cursor() as cursor:
        cursor.execute(_THERE, (names,))
        return [name for (name,) in cursor.fetchall()]
