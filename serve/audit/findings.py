"""What an audit can find."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MOST_KEPT: Final = 10_000
"""Findings that are named one by one; of further ones only their number is kept, so that memory stays flat."""


class Fault(StrEnum):
    """What is wrong with a place in the log."""

    CHANGED = "changed"
    """A record, or its place in the chain, is not what was written."""
    MISSING = "missing"
    """Records that were there are gone."""
    FORGED = "forged"
    """Records that no server process wrote."""
    DAMAGED = "damaged"
    """A file of the spool can't be read to its end."""
    STRAY = "stray"
    """A file beside the log's own that is none of them, and is passed over."""
    UNWITNESSED = "unwitnessed"
    """Nothing outside of the database says where the chain ends: its last records could be gone unseen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; `sequence` is the record's place in the chain, where one record is at fault."""

    fault: Fault
    what: str
    chain_id: uuid.UUID | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        chain = "" if self.chain_id is None else f"chain {self.chain_id}"
        record = "" if self.sequence is None else f"record {self.sequence}"
        place = f"{chain} {record}".strip()
        return ": ".join(part for part in (self.fault, place, self.what) if part)


@dataclass(slots=True)
class Findings:
    """What was found so far: all of it counted by fault, the first ones kept."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Fault] = field(default_factory=Counter)

    @classmethod
    def of(cls, kept: Iterable[Finding], counts: Mapping[Fault, int]) -> Findings:
        """What an earlier verification found."""
        return cls(list(kept), Counter(counts))

    def add(self, finding: Finding) -> None:
        """One more; said twice in a row it counts once."""
        if self.kept and self.kept[-1] == finding:
            return
        self.counts[finding.fault] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Some more."""
        for finding in findings:
            self.add(finding)
