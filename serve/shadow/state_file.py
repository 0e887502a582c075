"""What server processes know of the shadow, which runs in the shipper's process: a file that is replaced as a whole."""

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
    """Which version shadows; None with the reason where none does."""

    alias: str
    model_version: int | None = None
    fault: str | None = None


class StateFile:
    """The state of the shadow of one alias, and a way to have it look at the registry at once.

    No method raises: whoever asks has other things to do, and the shadow is never worth an error to them.
    """

    def __init__(self, folder: Path, alias: str) -> None:
        self._folder = folder
        self._alias = alias

    def read(self) -> ShadowState:
        """The state as it was written last."""
        try:
            found = msgspec.json.decode((self._folder / _STATE).read_bytes(), type=ShadowState)
        except (OSError, msgspec.MsgspecError):
            found = None
        if found is None or found.alias != self._alias:
            return ShadowState(self._alias, fault="it has not started yet")
        return found

    def write(self, model_version: int | None, fault: str | None = None) -> None:
        """Put another state in its place."""
        state = ShadowState(self._alias, model_version, fault)
        self._replace(_STATE, msgspec.json.encode(state))

    def ask(self) -> None:
        """Have the shadow look soon whether its alias names another version; does not wait for it."""
        self._replace(_ASKED, b"")

    def last_asked(self) -> tuple[int, int] | None:
        """Tells one asking from the next; None before the first."""
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
    """Of a server with this run folder; None where nothing shadows."""
    return None if alias is None else StateFile(run_dir / FOLDER, alias)
