"""A worker's valid API keys, updated in the background.

No request reads a file or a clock for it. A connection remembers a login for one term only; a term ends with each
change of the keys, and twice a minute, which also shows which keys are in use.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Final

from fraud.api_keys import ApiKey
from serve.access.authentication import Authenticator
from serve.keys.errors import KeysError
from serve.keys.local_copy import LocalCopy
from serve.keys.stored_key import ValidKey
from serve.keys.uses import KeyUses
from serve.local_file import Version

logger = logging.getLogger(__name__)

LOOK_S: Final = 0.5
TERM: Final = dt.timedelta(seconds=30)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class KeyWatch:
    """Updates an authenticator's valid keys: those of the settings, and those of the local copy."""

    def __init__(
        self,
        authenticator: Authenticator,
        of_settings: Sequence[ApiKey],
        copy: LocalCopy,
        uses: KeyUses,
        now: Callable[[], dt.datetime] = _now,
    ) -> None:
        self._authenticator = authenticator
        self._of_settings = of_settings
        self._copy = copy
        self._uses = uses
        self._now = now
        self._read: Version = None
        self._stored: list[ValidKey] = []
        self._valid: list[ValidKey] = []
        self._term_began = now()

    def look(self) -> None:
        """Read the copy if it has changed, and drop expired keys. An unreadable copy changes nothing."""
        try:
            self._read_anew()
        except (KeysError, OSError) as error:
            logger.error("%s; the API keys read last stay valid", error)
        now = self._now()
        valid = [key for key in self._stored if not key.has_ended(now)]
        if valid != self._valid:
            self._valid = valid
            self._authenticator.know([*self._of_settings, *(key.api_key for key in valid)])

    def note_uses(self) -> None:
        """Note the keys used since the last call, and begin a new term, so that connections check their logins again.

        Raises:
            OSError: the files can't be written.
        """
        used = self._authenticator.begin_term()
        self._term_began = self._now()
        self._uses.note(key.number for key in self._valid if key.sha256 in used)

    async def run(self) -> None:
        """Update the keys until cancelled."""
        try:
            while True:
                self.look()
                # A clock that goes back ends a term too.
                if not dt.timedelta() <= self._now() - self._term_began < TERM:
                    self._try_to_note_uses()
                await asyncio.sleep(LOOK_S)
        finally:
            self._try_to_note_uses()

    def _try_to_note_uses(self) -> None:
        try:
            self.note_uses()
        except OSError as error:
            # A full disk must not stop requests from being answered.
            logger.warning("the last use of API keys can't be written: %s", error)

    def _read_anew(self) -> None:
        version = self._copy.version()
        if version != self._read:
            self._read = version
            self._stored = self._copy.read()
