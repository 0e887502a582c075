"""Logs a lasting fault once, and once more when it is over."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


class ToldOnce:
    """Faults of one repeated action."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: str | None = None

    def fault(self, kind: str, reason: str) -> None:
        """Note a failure; it is logged unless the last fault was of the same kind."""
        if kind != self._told:
            # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
            line = reason.partition("\n")[0]
            logger.warning("%s: %s; answers are not affected, and this is not logged again", self._name, line)
        self._told = kind

    def works(self) -> None:
        """Note a success."""
        if self._told is not None:
            logger.warning("%s works again", self._name)
        self._told = None
