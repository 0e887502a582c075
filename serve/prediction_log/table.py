"""The log's tables in PostgreSQL: all SQL for shipping."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from serve.prediction_log.binary_copy import COPY_STATEMENT, CopyStream
from serve.prediction_log.errors import MarkMoved
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.hourly_counts import HourlyCounts
from serve.prediction_log.session import LogSession

MAKE_PARTITION: Final = "SELECT make_prediction_partition(%s)"
_MARKS: Final = "SELECT chain_id::text, sequence FROM prediction_chains WHERE chain_id = ANY(%s::uuid[])"
_FIRST_MARK: Final = """
    INSERT INTO prediction_chains (chain_id, sequence, hash) VALUES (%s::uuid, %s, %s) ON CONFLICT DO NOTHING
"""
_NEXT_MARK: Final = """
    UPDATE prediction_chains SET sequence = %s, hash = %s WHERE chain_id = %s::uuid AND sequence = %s
"""
_HASHES: Final = """
    SELECT sequence, hash FROM prediction_requests WHERE chain_id = %s::uuid AND sequence = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class ChainPart:
    """Records of one chain to write together: those after `after`, up to `sequence`."""

    chain_id: uuid.UUID
    after: int
    sequence: int
    hash: bytes
    records: Sequence[StoredRecord]


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """A record's place in its chain, and its hash."""

    chain_id: uuid.UUID
    sequence: int
    hash: bytes


class LogTable:
    """One connection to the log's tables: opened on demand, dropped after an error. Methods that use it raise
    NewerDatabaseError if the schema's version is not supported.
    """

    def __init__(self, dsn: str) -> None:
        self._session = LogSession(dsn)
        self._months: set[tuple[int, int]] = set()
        self._hourly_counts = HourlyCounts()

    def disconnect(self) -> None:
        """Drop the connection; the next call opens a new one, and checks the monthly partitions again."""
        self._session.disconnect()
        self._months.clear()

    def marks(self, chain_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
        """The last committed record of each chain; 0 for a new chain.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
        """
        wanted = list(chain_ids)
        with self._session.connected() as connection, connection.cursor() as cursor:
            cursor.execute(_MARKS, ([str(chain_id) for chain_id in wanted],))
            found = {uuid.UUID(chain_id): sequence for chain_id, sequence in cursor.fetchall()}
        return {chain_id: found.get(chain_id, 0) for chain_id in wanted}

    def write(self, parts: Sequence[ChainPart]) -> None:
        """Write records, count them and move their chains' marks, in one transaction, exactly once.

        Raises:
            MarkMoved: a chain's mark has moved; nothing was written.
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
        """
        stream = CopyStream((part.chain_id, part.records) for part in parts)
        with self._session.connected() as connection, connection.cursor() as cursor:
            for part in parts:
                chain_id = str(part.chain_id)
                if part.after == 0:
                    cursor.execute(_FIRST_MARK, (chain_id, part.sequence, part.hash))
                else:
                    cursor.execute(_NEXT_MARK, (part.sequence, part.hash, chain_id, part.after))
                if cursor.rowcount != 1:
                    raise MarkMoved(f"chain {chain_id} is not at record {part.after} any more")
            cursor.copy_expert(COPY_STATEMENT, stream)
            self._hourly_counts.add(cursor, (record for part in parts for record in part.records))

    def hashes(self, chain_id: uuid.UUID, sequences: Iterable[int]) -> dict[int, bytes]:
        """Hashes of the given records of a chain, as far as they exist; requires the right to read the log.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
        """
        with self._session.connected() as connection, connection.cursor() as cursor:
            cursor.execute(_HASHES, (str(chain_id), sorted(set(sequences))))
            return {sequence: bytes(found) for sequence, found in cursor.fetchall()}

    def fill_gaps(self, chain_id: uuid.UUID, records: Sequence[StoredRecord]) -> None:
        """Write missing records before their chain's mark, and count them: all or nothing.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses, e.g. because one of them exists.
        """
        with self._session.connected() as connection, connection.cursor() as cursor:
            cursor.copy_expert(COPY_STATEMENT, CopyStream([(chain_id, records)]))
            self._hourly_counts.add(cursor, records)

    def make_partitions(self, moments: Iterable[dt.datetime]) -> None:
        """Create the monthly partitions of these times (UTC), if missing.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
        """
        missing = {(moment.year, moment.month): moment for moment in moments}
        for month, moment in missing.items():
            if month not in self._months:
                with self._session.connected() as connection, connection.cursor() as cursor:
                    cursor.execute(MAKE_PARTITION, (moment,))
                self._months.add(month)
