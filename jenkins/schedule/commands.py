"""Runs the project's commands one at a time, each with a log of its own, and can be told to stop."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fraud.stack.child import Child
from jenkins.schedule.attached import Attached

logger = logging.getLogger(__name__)


class Commands:
    """What runs now, if anything does. A stop waits for it; a second one ends it."""

    def __init__(self, log_dir: Path | None) -> None:
        """`log_dir` gets a log of each; None: they write where we do."""
        self._log_dir = log_dir
        self._running: Child | Attached | None = None
        self._task: str | None = None
        self._stopping = False
        self._ending = False

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Everything that runs in the block belongs to one task, which a stop waits for."""
        self._task = name
        try:
            yield
        finally:
            self._task = None

    def run(self, *arguments: str) -> int:
        """Run `python -m ...` to its end; gives the exit status."""
        name = f"`python -m {' '.join(arguments)}`"
        # In a session of its own: a Ctrl-C at the terminal reaches it through `stop` only.
        self._ending = False
        self._running = self._start(name, arguments)
        if self._ending:  # asked for while it was started, when there was nothing to end yet
            self._running.terminate()
        try:
            status = self._running.wait()
        finally:
            self._running = None
        logger.info("%s ended with status %d", name, status)
        return status

    def _start(self, name: str, arguments: Sequence[str]) -> Child | Attached:
        command = (sys.executable, "-m", *arguments)
        if self._log_dir is None:
            logger.info("%s begins", name)
            return Attached(name, command)
        log = self._log_dir / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{'-'.join(arguments[:2])}.log"
        logger.info("%s begins, log: %s", name, log)
        return Child(name, command, {}, log)

    def is_stopping(self) -> bool:
        """Whether nothing new may begin."""
        return self._stopping

    def stop(self) -> bool:
        """Ask for the end; False when there is no task that would have to end first."""
        if self._task is None:
            return False
        if not self._stopping:
            logger.warning("stopping once %s has ended; the same signal again ends its command now", self._task)
        else:
            self._ending = True
            if self._running is not None:
                logger.warning("ending %s now", self._running.name)
                self._running.terminate()
        self._stopping = True
        return True
