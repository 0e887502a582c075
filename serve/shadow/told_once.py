"""A fault that lasts is told of once, and once more when it is over."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


class ToldOnce:
    """Faults of one thing that is tried again and again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: str | None = None

    def fault(self, kind: str, reason: str) -> None:
        """It failed; told of unless the last fault was of this kind too, whatever words it had."""
        if kind != self._told:
            # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
            line = reason.partition("\n")[0]
            logger.warning("%s: %s; answers go on without it, and this is not told again", self._name, line)
        self._told = kind

    def works(self) -> None:
        """It did not fail."""
        if self._told is not None:
            logger.warning("%s works again", self._name)
        self._told = None
