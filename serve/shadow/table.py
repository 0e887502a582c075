"""The shadow's answers in PostgreSQL: all SQL to write them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extras import execute_values

from serve.prediction_log.session import LogSession

_MAKE_PARTITION: Final = "SELECT public.make_shadow_partition(%s)"
_WRITE: Final = """
    INSERT INTO public.shadow_predictions
        (chain_id, sequence, recorded_at, model_version, model_sha256, probabilities)
    VALUES %s ON CONFLICT DO NOTHING
"""
"""Existing rows were written by a shipper that was killed, or mark an earlier erasure."""
_ROW: Final = "(%s::uuid, %s, timestamptz 'epoch' + %s * interval '1 microsecond', %s, %s, %s::real[])"
_US_A_S: Final = 1_000_000


class ShadowRow(msgspec.Struct, frozen=True, gc=False):
    """A record's place, and the shadow version's probabilities, float32 [N]."""

    chain_id: uuid.UUID
    sequence: int
    recorded_at: int
    """Microseconds since 1970 (UTC)."""
    model_version: int
    model_sha256: bytes
    probabilities: NDArray[np.float32]


class ShadowTable:
    """Has its own connection, so that it never delays shipping."""

    def __init__(self, dsn: str) -> None:
        self._session = LogSession(dsn)
        self._months: set[tuple[int, int]] = set()

    def disconnect(self) -> None:
        """Drop the connection; the next call makes a new one, and checks the monthly partitions again."""
        self._session.disconnect()
        self._months.clear()

    def write(self, rows: Sequence[ShadowRow]) -> None:
        """Write all rows, or none.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
        """
        self._make_partitions(rows)
        with self._session.connected() as connection, connection.cursor() as cursor:
            execute_values(
                cursor,
                _WRITE,
                [
                    (
                        str(row.chain_id),
                        row.sequence,
                        row.recorded_at,
                        row.model_version,
                        row.model_sha256,
                        row.probabilities.tolist(),
                    )
                    for row in rows
                ],
                template=_ROW,
            )

    def _make_partitions(self, rows: Sequence[ShadowRow]) -> None:
        moments = (dt.datetime.fromtimestamp(row.recorded_at // _US_A_S, dt.UTC) for row in rows)
        missing = {(moment.year, moment.month): moment for moment in moments}
        for month, moment in missing.items():
            if month not in self._months:
                with self._session.connected() as connection, connection.cursor() as cursor:
                    cursor.execute(_MAKE_PARTITION, (moment,))
                self._months.add(month)
