"""A batch to ship: records of any number of chains, written in one transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Final

from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.table import ChainPart

DAY_S: Final = 86_400
DAY_US: Final = DAY_S * 1_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of any number of chains, to be written in one transaction."""

    parts: tuple[ChainPart, ...] = ()
    records: int = 0
    size: int = 0
    """Their bytes in the spool."""
    moments: frozenset[dt.datetime] = frozenset()
    """One time for each day on which a record was made."""

    def first_at(self, chain_id: uuid.UUID) -> int | None:
        """When its first record of a chain was made, microseconds since 1970; None if it has none."""
        return next((part.records[0].facts.recorded_at for part in self.parts if part.chain_id == chain_id), None)


@dataclass(slots=True)
class Gathering:
    """Builds a batch."""

    max_bytes: int
    parts: list[ChainPart] = field(default_factory=list)
    size: int = 0
    records: int = 0
    days: set[int] = field(default_factory=set)
    """Since 1970."""

    def take(self, chain_id: uuid.UUID, mark: int, records: list[StoredRecord]) -> None:
        """Add a chain's records after its mark."""
        last = records[-1]
        self.parts.append(ChainPart(chain_id, mark, last.facts.sequence, last.hash, records))
        self.records += len(records)
        self.days |= {record.facts.recorded_at // DAY_US for record in records}

    def batch(self) -> Batch:
        """The finished batch."""
        moments = frozenset(dt.datetime.fromtimestamp(day * DAY_S, dt.UTC) for day in self.days)
        return Batch(tuple(self.parts), self.records, self.size, moments)
