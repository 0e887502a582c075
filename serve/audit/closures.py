"""Closed chains of servers that are gone for good: an operator states where each ends.

`anchors/closures` has a line for each, chained by hash and anchored like the ledger of erasures, with a signature if
anchors are signed. The chain itself gets an anchor here, as if this machine had shipped it.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from serve.audit.findings import Fault, Finding
from serve.audit.ledger import CLOSURES
from serve.audit.signatures import moment
from serve.prediction_log.anchor import Anchor, ChainDigits, Hash, Moment, Number
from serve.prediction_log.anchors import CLOSURES_FILE, FOLDER
from serve.prediction_log.chain import GENESIS
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY, make_folder, open_file

_WHAT: Final = "the list of closed chains"


class Closure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chain that was closed."""

    number: Number
    closed_at: Moment
    chain: ChainDigits
    sequence: Number
    """Of its last record."""
    hash: Hash
    """Of its last record."""
    by: str
    """The person who closed it."""
    why: str
    entry_hash: Hash = GENESIS
    """Hash of all fields and of the previous entry's hash."""

    @property
    def chain_id(self) -> uuid.UUID:
        """The chain."""
        return uuid.UUID(self.chain)

    def after(self, previous: bytes) -> Closure:
        """The entry with its hash, after an entry with hash `previous`."""
        facts = self.number, self.closed_at, self.chain, self.sequence, self.hash, self.by, self.why
        return msgspec.structs.replace(
            self, entry_hash=hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()
        )

    def __str__(self) -> str:
        """The text for readers of a verification."""
        when = moment(self.closed_at)
        return f"chain {self.chain_id} ends at record {self.sequence}: closed {when} by {self.by}: {self.why}"


def read_closures(spool: Path) -> list[Closure]:
    """All closures, oldest first.

    Raises:
        SpoolError: the list can't be read.
    """
    path = spool / FOLDER / CLOSURES_FILE
    try:
        with os.fdopen(open_file(path), "rb") as file:
            return [msgspec.json.decode(line, type=Closure) for line in file]
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, ValueError) as error:
        raise SpoolError(f"{path} can't be read: {error}") from error


def append_closure(spool: Path, closure: Closure) -> None:
    """Append an entry, and sync it to disk."""
    make_folder(spool / FOLDER)
    path = spool / FOLDER / CLOSURES_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        os.write(descriptor, msgspec.json.encode(closure) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def end_of_closures(closures: Sequence[Closure]) -> Anchor:
    """The list's end."""
    return Anchor(sequence=closures[-1].number, hash=closures[-1].entry_hash) if closures else Anchor()


def check_closures(closures: Sequence[Closure], anchors: Mapping[uuid.UUID, Anchor]) -> Iterator[Finding]:
    """Check that the list is unchanged, and that each chain's anchor matches it."""
    previous = GENESIS
    for number, closure in enumerate(closures, 1):
        if closure.number != number or closure.after(previous).entry_hash != closure.entry_hash:
            yield Finding(Fault.CHANGED, f"{_WHAT} was changed", CLOSURES, number)
        previous = closure.entry_hash
        anchor = anchors.get(closure.chain_id, Anchor())
        if (anchor.sequence, anchor.hash) != (closure.sequence, closure.hash):
            told = f"it was closed at record {closure.sequence}, but its anchor differs"
            yield Finding(Fault.CHANGED, told, closure.chain_id)
    anchor, end = anchors.get(CLOSURES, Anchor()), end_of_closures(closures)
    if (anchor.sequence, anchor.hash) != (end.sequence, end.hash):
        yield Finding(Fault.CHANGED, f"{_WHAT} does not end where its anchor says", CLOSURES, len(closures))
