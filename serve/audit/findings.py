"""Findings of an audit."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MOST_KEPT: Final = 10_000
"""Maximum findings stored individually; further ones are only counted, so that memory is bounded."""


class Fault(StrEnum):
    """Kinds of faults."""

    CHANGED = "changed"
    """A record, or its place in the chain, was changed."""
    MISSING = "missing"
    """Records are missing."""
    FORGED = "forged"
    """Records that were not written by a server process."""
    DAMAGED = "damaged"
    """A file of the spool can't be read to its end."""
    STRAY = "stray"
    """A file that does not belong to the log, and is ignored."""
    UNWITNESSED = "unwitnessed"
    """Nothing outside of the database shows where the chain ends: missing last records would not be noticed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; `sequence` is the record's place in the chain, if one record is at fault."""

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
    """The findings so far: all are counted by fault, the first ones stored."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Fault] = field(default_factory=Counter)

    @classmethod
    def of(cls, kept: Iterable[Finding], counts: Mapping[Fault, int]) -> Findings:
        """The findings of an earlier verification."""
        return cls(list(kept), Counter(counts))

    def add(self, finding: Finding) -> None:
        """Add a finding; an immediate repetition counts once."""
        if self.kept and self.kept[-1] == finding:
            return
        self.counts[finding.fault] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Some more."""
        for finding in findings:
            self.add(finding)
