"""What an audit can find."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum


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
        place = "" if self.chain_id is None else f" chain {self.chain_id}"
        place += "" if self.sequence is None else f" record {self.sequence}"
        return f"{self.fault}:{place}: {self.what}"
