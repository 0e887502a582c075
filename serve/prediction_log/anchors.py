"""Anchors: where each chain begins and ends in PostgreSQL, stored outside of it, so that removed ends are noticed.

A chain's hashes reveal changed, removed or moved records inside it, but not removed records at its end, or a removed
chain. `<spool>/anchors/<chain>` has the end that it had reached.
"""

from __future__ import annotations

import logging
import os
import re
import uuid
from pathlib import Path
from typing import Final

import msgspec

from serve.prediction_log.anchor import Anchor, Register
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OWNER_ONLY, make_folder, open_file

FOLDER: Final = "anchors"
SET_ASIDE: Final = ".damaged"

_NAME: Final = re.compile("[0-9a-f]{32}")
REGISTER: Final = "register"
CLOSURES_FILE: Final = "closures"
"""Chains that an operator has closed (`serve/audit/closures.py`)."""
_OURS: Final = re.compile(rf"([0-9a-f]{{32}}|{REGISTER}|{CLOSURES_FILE})(\.new|\.damaged)?")

logger = logging.getLogger(__name__)


class Anchors:
    """The anchors of one spool."""

    def __init__(self, spool: Path, key: AnchorKey | None = None) -> None:
        """With a `key`, anchors are signed when written."""
        self._folder = spool / FOLDER
        self._key = key

    def read(self) -> dict[uuid.UUID, Anchor]:
        """The anchors of all chains, for their writer: unreadable ones are set aside and logged."""
        known: dict[uuid.UUID, Anchor] = {}
        for chain_id in self.chains():
            try:
                anchor = self.of(chain_id)
            except SpoolError as error:
                self._set_aside(chain_id.hex, error)
            else:
                known |= {} if anchor is None else {chain_id: anchor}
        return known

    def read_register(self) -> Register | None:
        """As `register`, for its writer: a register that is unreadable, or has a wrong signature, is set aside."""
        try:
            register = self.register()
            if self._key is not None and register is not None and register.signed_since:
                self._refuse_unless_signed(register, self._key)
            return register
        except SpoolError as error:
            self._set_aside(REGISTER, error)
            return None

    def refuse_without_key(self) -> None:
        """Return if anchors may be written here: with the right key, or if none are signed.

        Raises:
            SpoolError: anchors are signed here, but the key is missing or different, so the result would look forged.
        """
        register = self.register()
        if register is None or not register.signed_since:
            return
        if self._key is None:
            raise SpoolError(
                "AUDIT_KEY is not set, but the anchors here are signed: run this command with the server's key"
            )
        if not self._key.has_signed_register(register):
            raise SpoolError(
                f"{self._folder / REGISTER} is not signed with AUDIT_KEY: run this command with the server's key; "
                f"`python -m serve.audit verify` with that key tells whether the file was changed"
            )

    def _refuse_unless_signed(self, register: Register, key: AnchorKey) -> None:
        if not key.has_signed_register(register):
            raise SpoolError(f"{self._folder / REGISTER} does not match its signature under AUDIT_KEY")

    def _set_aside(self, name: str, error: SpoolError) -> None:
        path = self._folder / name
        path.rename(path.with_suffix(SET_ASIDE))
        logger.critical(
            "%s: it was renamed to %s, and `python -m serve.audit verify` reports it", error, name + SET_ASIDE
        )

    def set_aside(self) -> list[Path]:
        """Anchors that were set aside because they could not be read."""
        return [self._folder / name for name in self._names() if name.endswith(SET_ASIDE)]

    def chains(self) -> list[uuid.UUID]:
        """All chains that were ever shipped from here."""
        return [uuid.UUID(name) for name in self._names() if _NAME.fullmatch(name)]

    def strays(self) -> list[Path]:
        """Files in the folder that are neither anchors nor being written."""
        return [self._folder / name for name in self._names() if not _OURS.fullmatch(name)]

    def _names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def of(self, chain_id: uuid.UUID) -> Anchor | None:
        """The anchor of one chain; None if nothing of it was shipped from here.

        Raises:
            SpoolError: it can't be read.
        """
        try:
            return _decode(self._folder / chain_id.hex)
        except FileNotFoundError:
            return None

    def register(self) -> Register | None:
        """The register of all anchors; None if it was not written yet.

        Raises:
            SpoolError: it can't be read.
        """
        path = self._folder / REGISTER
        try:
            return msgspec.json.decode(_content_of(path), type=Register)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise SpoolError(f"{path} can't be read: {error}") from error

    def write(
        self, chain_id: uuid.UUID, anchor: Anchor, *, durable: bool = False, is_to_sign: bool | None = None
    ) -> Anchor:
        """Replace a chain's anchor atomically; returns the anchor as written.

        Args:
            chain_id: the chain.
            anchor: its anchor.
            durable: whether to sync it to disk before this returns.
            is_to_sign: whether to sign it, if there is a key; default: if the previous one was signed.
        """
        if self._key is not None and (self._may_sign(chain_id, self._key) if is_to_sign is None else is_to_sign):
            anchor = self._key.signed(chain_id, anchor)
        else:
            anchor = msgspec.structs.replace(anchor, signature=b"")
        self._replace(chain_id.hex, msgspec.json.encode(anchor), durable=durable)
        return anchor

    def _may_sign(self, chain_id: uuid.UUID, key: AnchorKey) -> bool:
        """Whether a chain's next anchor may be signed: otherwise an anchor written without the key
        would become valid.
        """
        register, anchor = self.register(), self.of(chain_id)
        has_begun = register is not None and register.signed_since > 0
        return has_begun and (anchor is None or key.has_signed(chain_id, anchor))

    def write_register(self, register: Register) -> Register:
        """Replace the register, and sync it to disk; returns the register as written."""
        if self._key is not None:
            register = self._key.signed_register(register)
        self._replace(REGISTER, msgspec.json.encode(register), durable=True)
        return register

    def _replace(self, name: str, content: bytes, *, durable: bool) -> None:
        make_folder(self._folder)
        path = self._folder / name
        staging = path.with_suffix(".new")
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        try:
            os.write(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        staging.replace(path)


def _decode(path: Path) -> Anchor:
    try:
        return msgspec.json.decode(_content_of(path), type=Anchor)
    except msgspec.MsgspecError as error:
        raise SpoolError(f"{path} is not an anchor of a chain: {error}") from error


def _content_of(path: Path) -> bytes:
    with open(open_file(path), "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read()
