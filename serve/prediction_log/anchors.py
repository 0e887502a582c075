"""Where each chain begins and ends in PostgreSQL, written down outside of it, so that no end can go unseen.

A chain's hashes show what was changed, removed or moved inside of it. Records at its end could still go, or the chain
as a whole: `<spool>/anchors/<chain>` says how far it had come.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Annotated, Final

import msgspec

from serve.prediction_log.chain import GENESIS
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY, make_folder

FOLDER: Final = "anchors"

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chain in the table: its last record, and the last one that retention has removed (0 = none)."""

    sequence: int = 0
    hash: Hash = GENESIS
    expired_sequence: int = 0
    expired_hash: Hash = GENESIS


class Anchors:
    """The anchors of one spool."""

    def __init__(self, spool: Path) -> None:
        self._folder = spool / FOLDER

    def read(self) -> dict[uuid.UUID, Anchor]:
        """All chains that ever reached the table from here.

        Raises:
            SpoolError: an anchor can't be read.
        """
        if not self._folder.exists():
            return {}
        return {uuid.UUID(path.name): _decode(path) for path in self._folder.iterdir() if not path.suffix}

    def of(self, chain_id: uuid.UUID) -> Anchor | None:
        """The anchor of one chain; None when nothing of it has reached the table from here.

        Raises:
            SpoolError: it can't be read.
        """
        path = self._folder / chain_id.hex
        return _decode(path) if path.exists() else None

    def write(self, chain_id: uuid.UUID, anchor: Anchor, *, durable: bool = False) -> None:
        """Replace a chain's anchor as a whole; `durable` forces it to the disk before this returns."""
        make_folder(self._folder)
        path = self._folder / chain_id.hex
        staging = path.with_suffix(".new")
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        try:
            os.write(descriptor, msgspec.json.encode(anchor))
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        staging.replace(path)


def _decode(path: Path) -> Anchor:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Anchor)
    except msgspec.MsgspecError as error:
        raise SpoolError(f"{path} is no anchor of a chain: {error}") from error
