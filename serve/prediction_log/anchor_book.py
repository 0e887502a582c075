"""The anchors of a spool, kept by the process that ships it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec

from serve.prediction_log.anchor import Anchor, Register
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.table import ChainEnd

logger = logging.getLogger(__name__)


class AnchorBook:
    """The anchors, cached by their only writer. Shipping and upkeep write to it, each from its own thread. Anchors are
    on disk before a segment or a month is removed, since then they are the only witness.
    """

    def __init__(self, spool: Path, key: AnchorKey | None = None) -> None:
        """Read the anchors; unreadable ones are set aside. With a `key`, signing begins or continues."""
        self._anchors = Anchors(spool, key)
        self._key = key
        self._lock = threading.Lock()
        register = self._anchors.read_register()
        self._known = self._anchors.read()
        self._never_to_sign: set[uuid.UUID] = set()
        """Anchors written without the key since signing began."""
        self._register = register or Register(ids_since=_now())
        self._enrolled = set(self._register.chains)
        if key is not None:
            self._go_on_signing(key, is_interrupted=register is not None and key.has_signed_register(register))
        elif register is None:
            self._anchors.write_register(self._register)
        elif register.signed_since:
            logger.critical("AUDIT_KEY is not set, but the anchors here are signed: anchors written now stay unsigned")

    def sequence(self, chain_id: uuid.UUID) -> int:
        """The last record of a chain known to be in the table; 0 for none."""
        return self.known(chain_id).sequence

    def known(self, chain_id: uuid.UUID) -> Anchor:
        """A chain's anchor; an empty one if it has none."""
        return self._known.get(chain_id, Anchor())

    def move(self, end: ChainEnd) -> None:
        """Note that the table has a chain up to `end`."""
        with self._lock:
            known = self._known.get(end.chain_id, Anchor())
            self._write(end.chain_id, msgspec.structs.replace(known, sequence=end.sequence, hash=end.hash))

    def expire(self, end: ChainEnd) -> bool:
        """Retention is about to remove a chain up to `end`: anchor that.

        Returns whether the chain has an anchor here; one that another server wrote has it there.
        """
        with self._lock:
            known = self._current(end.chain_id)
            if known is None:
                return False
            if known.expired_sequence < end.sequence:
                expired = msgspec.structs.replace(known, expired_sequence=end.sequence, expired_hash=end.hash)
                self._write(end.chain_id, expired)
            return True

    def _current(self, chain_id: uuid.UUID) -> Anchor | None:
        """The anchor on disk: a salvage may have moved the anchor of a chain that has ended.

        Where anchors are signed, one that somebody else has written there does not count.
        """
        known = self._known.get(chain_id)
        try:
            stored = self._anchors.of(chain_id)
        except SpoolError:
            return known
        is_signed = self._key is None or stored is None or self._key.has_signed(chain_id, stored)
        if is_signed or chain_id in self._never_to_sign:
            return stored
        logger.critical("the anchor of chain %s was changed: see `python -m serve.audit verify`", chain_id)
        return known

    def _go_on_signing(self, key: AnchorKey, *, is_interrupted: bool) -> None:
        """Sign existing anchors when signing begins; anchors found unsigned later were not written by us, and stay
        unsigned. A signed register without a start time means that the first signing was interrupted
        (`is_interrupted`). If there are signed anchors but no register, somebody has removed it.
        """
        unsigned = {chain_id for chain_id, anchor in self._known.items() if not key.has_signed(chain_id, anchor)}
        if self._register.signed_since or (len(unsigned) < len(self._known) and not is_interrupted):
            self._never_to_sign = unsigned
            for chain_id in unsigned:
                logger.critical(
                    "the anchor of chain %s does not match its signature: see `python -m serve.audit verify`", chain_id
                )
        else:
            self._register = self._anchors.write_register(self._register)
            for chain_id, anchor in self._known.items():
                self._known[chain_id] = self._anchors.write(chain_id, anchor, durable=True, is_to_sign=True)
        self._enroll(chain_id.hex for chain_id in self._known.keys() - self._never_to_sign)

    def _write(self, chain_id: uuid.UUID, anchor: Anchor) -> None:
        is_to_sign = chain_id not in self._never_to_sign
        written = self._anchors.write(chain_id, anchor, durable=True, is_to_sign=is_to_sign)
        self._known[chain_id] = written
        if self._key is not None and is_to_sign:
            self._enroll([chain_id.hex])

    def _enroll(self, chains: Iterable[str]) -> None:
        """Register the chains with an anchor, so that a removed one is noticed; written after the anchor, in case of a
        kill in between.
        """
        register = self._register
        new = set(chains).difference(self._enrolled)
        if new or not register.signed_since:
            self._enrolled |= new
            register = Register(register.ids_since, register.signed_since or _now(), sorted(self._enrolled))
            self._register = self._anchors.write_register(register)


def _now() -> int:
    return time.time_ns() // 1000
