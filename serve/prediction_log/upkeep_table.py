"""All SQL of upkeep: monthly partitions of the log, reports, and the drift monitor's results."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serve.prediction_log.drift_gauges import DriftState, read_drift_state
from serve.prediction_log.report_gauges import ReportState, read_report_states
from serve.prediction_log.session import LogSession
from serve.prediction_log.table import MAKE_PARTITION, ChainEnd

CHAINS_A_PAGE: Final = 1_000

_EXPIRED: Final = "SELECT expired_prediction_partitions(%s)"
_REMOVE_REPORTS: Final = "SELECT remove_old_reports(%s)"
_DETACHED: Final = "SELECT detached_prediction_months()"
_CHAIN_ENDS: Final = "SELECT chain_id::text, sequence, hash, is_noted FROM expired_chain_ends(%s, %s, %s::uuid, %s)"
_NOTE: Final = "SELECT note_expired_chains(%s, %s, %s::uuid[], %s::bigint[], %s::bytea[])"
_DETACH: Final = "SELECT detach_expired_predictions(%s, %s)"
_DROP: Final = "SELECT drop_detached_predictions(%s)"


@dataclass(frozen=True, slots=True)
class ExpiredChain:
    """A chain that has records in a month that is to go."""

    end: ChainEnd
    """Its last record there."""
    is_noted: bool
    """Whether the server that keeps its anchor has noted that end."""


class UpkeepTable:
    """A separate connection to the log's tables, so that nothing here delays shipping. Each method may raise
    psycopg2.Error or DatabaseError: PostgreSQL does not answer, or refuses. If others hold a conflicting lock, it
    raises LockNotAvailable at once.
    """

    def __init__(self, dsn: str, keep_months: int) -> None:
        self._session = LogSession(dsn)
        self._keep_months = keep_months

    def disconnect(self) -> None:
        """Drop the connection; the next call opens a new one."""
        self._session.disconnect()

    def make_partitions(self, moments: Iterable[dt.datetime]) -> None:
        """Create the monthly partitions of these times (UTC), if missing."""
        for moment in moments:
            self._call(MAKE_PARTITION, moment)

    def expired_months(self) -> list[str]:
        """Expired partitions, oldest first."""
        return [name for (name,) in self._call(_EXPIRED, self._keep_months)]

    def detached_months(self) -> list[str]:
        """Detached partitions that are not dropped yet."""
        return [name for (name,) in self._call(_DETACHED)]

    def expired_chains(self, month: str) -> Iterator[ExpiredChain]:
        """The chains of an expired month, read page by page."""
        before: uuid.UUID | None = None
        while True:
            start = None if before is None else str(before)
            page = self._call(_CHAIN_ENDS, self._keep_months, month, start, CHAINS_A_PAGE)
            chains = [
                ExpiredChain(ChainEnd(uuid.UUID(chain_id), sequence, bytes(end)), is_noted)
                for chain_id, sequence, end, is_noted in page
            ]
            yield from chains
            if len(chains) < CHAINS_A_PAGE:
                return
            before = chains[-1].end.chain_id

    def note(self, month: str, ends: Sequence[ChainEnd]) -> None:
        """Note that these ends in a month that is to go are anchored on this machine."""
        chains, sequences = [str(end.chain_id) for end in ends], [end.sequence for end in ends]
        self._call(_NOTE, self._keep_months, month, chains, sequences, [end.hash for end in ends])

    def detach(self, month: str) -> None:
        """Detach an expired month from the log; refused with ObjectNotInPrerequisiteState until each end is noted."""
        self._call(_DETACH, self._keep_months, month)

    def drop(self, month: str) -> None:
        """Drop a detached month; refused like `detach`."""
        self._call(_DROP, month)

    def remove_old_reports(self) -> int:
        """Remove reports older than the log's oldest month; returns their number."""
        ((removed,),) = self._call(_REMOVE_REPORTS, self._keep_months)
        return int(removed)

    def drift_state(self) -> DriftState | None:
        """The last result of the drift monitor; None before the first."""
        with self._session.connected() as connection, connection.cursor() as cursor:
            return read_drift_state(cursor)

    def report_states(self) -> Sequence[ReportState]:
        """The last result of each kind of check."""
        with self._session.connected() as connection, connection.cursor() as cursor:
            return read_report_states(cursor)

    def _call(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._session.connected() as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()
