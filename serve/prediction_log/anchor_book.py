"""The anchors of a spool, kept by the process that ships it."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path

from serve.prediction_log.anchors import Anchor, Anchors, Register
from serve.prediction_log.table import ChainEnd


class AnchorBook:
    """The anchors as their only writer knows them. Shipping and upkeep write in it, each from a thread of its own.

    A segment or a month that is removed is no witness any more, so what is written here is on the disk before that.
    """

    def __init__(self, spool: Path) -> None:
        """Read what is there; what can't be read is set aside."""
        self._anchors = Anchors(spool)
        self._known = self._anchors.read()
        if self._anchors.read_register() is None:
            self._anchors.write_register(Register(ids_since=time.time_ns() // 1000))
        self._lock = threading.Lock()

    def sequence(self, chain_id: uuid.UUID) -> int:
        """The last record of a chain that is known to be in the table; 0 for none."""
        return self._known.get(chain_id, Anchor()).sequence

    def move(self, end: ChainEnd) -> None:
        """A chain is in the table up to `end`."""
        with self._lock:
            known = self._known.get(end.chain_id, Anchor())
            self._write(end.chain_id, Anchor(end.sequence, end.hash, known.expired_sequence, known.expired_hash))

    def expire(self, end: ChainEnd) -> None:
        """Retention is about to remove a chain up to `end`; nothing, where it was written elsewhere."""
        with self._lock:
            known = self._anchors.of(end.chain_id)  # a salvage may have moved the one of a chain that has ended
            if known is not None and known.expired_sequence < end.sequence:
                self._write(end.chain_id, Anchor(known.sequence, known.hash, end.sequence, end.hash))

    def _write(self, chain_id: uuid.UUID, anchor: Anchor) -> None:
        self._anchors.write(chain_id, anchor, durable=True)
        self._known[chain_id] = anchor
