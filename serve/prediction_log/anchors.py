"""Where each chain begins and ends in PostgreSQL, written down outside of it, so that no end can go unseen.

A chain's hashes show what was changed, removed or moved inside of it. Records at its end could still go, or the chain
as a whole: `<spool>/anchors/<chain>` says how far it had come.
"""

from __future__ import annotations

import logging
import os
import re
import uuid
from pathlib import Path
from typing import Annotated, Final

import msgspec

from serve.prediction_log.chain import GENESIS
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY, make_folder, open_file

FOLDER: Final = "anchors"
SET_ASIDE: Final = ".damaged"

_NAME: Final = re.compile("[0-9a-f]{32}")
_NAME_OR_STAGING: Final = re.compile(r"[0-9a-f]{32}(\.new|\.damaged)?")

logger = logging.getLogger(__name__)

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
        """The anchors of all chains, for who is to move them: one that can't be read is set aside, and said."""
        known: dict[uuid.UUID, Anchor] = {}
        for chain_id in self.chains():
            try:
                anchor = self.of(chain_id)
            except SpoolError as error:
                path = self._folder / chain_id.hex
                path.rename(path.with_suffix(SET_ASIDE))
                logger.critical(
                    "%s: it is kept as %s, and `python -m serve.audit verify` tells of it", error, path.stem + SET_ASIDE
                )
            else:
                known |= {} if anchor is None else {chain_id: anchor}
        return known

    def set_aside(self) -> list[Path]:
        """Anchors that could not be read when they were to be moved."""
        return [self._folder / name for name in self._names() if name.endswith(SET_ASIDE)]

    def chains(self) -> list[uuid.UUID]:
        """All chains that ever reached the table from here."""
        return [uuid.UUID(name) for name in self._names() if _NAME.fullmatch(name)]

    def strays(self) -> list[Path]:
        """What is in the folder and is no anchor, nor one that is being written."""
        return [self._folder / name for name in self._names() if not _NAME_OR_STAGING.fullmatch(name)]

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def of(self, chain_id: uuid.UUID) -> Anchor | None:
        """The anchor of one chain; None when nothing of it has reached the table from here.

        Raises:
            SpoolError: it can't be read.
        """
        try:
            return _decode(self._folder / chain_id.hex)
        except FileNotFoundError:
            return None

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
        return msgspec.json.decode(_content_of(path), type=Anchor)
    except msgspec.MsgspecError as error:
        raise SpoolError(f"{path} is no anchor of a chain: {error}") from error


def _content_of(path: Path) -> bytes:
    with open(open_file(path), "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read()
