"""The shadow's state, passed from the shipper's process to the server's by a file that is replaced atomically."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import msgspec

logger = logging.getLogger(__name__)

FOLDER: Final = "shadow"
_STATE: Final = "state.json"
_ASKED: Final = "asked"


class ShadowState(msgspec.Struct, frozen=True):
    """The shadow version; None with the reason if there is none."""

    alias: str
    model_version: int | None = None
    fault: str | None = None


class StateFile:
    """The state of one alias's shadow, and a way to make it poll the registry at once. No method raises, since the
    shadow must never cause an error elsewhere.
    """

    def __init__(self, folder: Path, alias: str) -> None:
        self._folder = folder
        self._alias = alias

    def read(self) -> ShadowState:
        """The state written last."""
        try:
            found = msgspec.json.decode((self._folder / _STATE).read_bytes(), type=ShadowState)
        except (OSError, msgspec.MsgspecError):
            found = None
        if found is None or found.alias != self._alias:
            return ShadowState(self._alias, fault="it has not started yet")
        return found

    def write(self, model_version: int | None, fault: str | None = None) -> None:
        """Replace the state."""
        state = ShadowState(self._alias, model_version, fault)
        self._replace(_STATE, msgspec.json.encode(state))

    def ask(self) -> None:
        """Ask the shadow to check its alias soon; does not wait for it."""
        self._replace(_ASKED, b"")

    def last_asked(self) -> tuple[int, int] | None:
        """Identifies the last request; None before the first."""
        try:
            found = (self._folder / _ASKED).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _replace(self, name: str, content: bytes) -> None:
        staging = self._folder / f"{name}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            staging.write_bytes(content)
            staging.replace(self._folder / name)
        except OSError as error:
            logger.warning("%s can't be written: %s", self._folder / name, error.strerror)


def state_file(run_dir: Path, alias: str | None) -> StateFile | None:
    """The state file of a server with this run folder; None without a shadow."""
    return None if alias is None else StateFile(run_dir / FOLDER, alias)
