"""Runs the project's commands one at a time, each with its own log, until it is stopped."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fraud.stack.child import Child, nothing
from jenkins.schedule.attached import Attached
from jenkins.tracing import StageSpan, caller_span, stage_span

logger = logging.getLogger(__name__)

ACTING_PERSON: Final = "ACTING_PERSON"
"""The setting that says for whom a command acts."""
FOLLOW_S: Final = 0.5


class Commands:
    """What runs now, if anything does. A stop waits for it; a second one ends it."""

    def __init__(self, log_dir: Path | None, beside: Callable[[], None] = nothing) -> None:
        """`log_dir` gets a log of each; None: they write where we do. With logs, `beside` is called while one runs."""
        self._log_dir = log_dir
        self._beside = beside
        self._running: Child | Attached | None = None
        self._task: str | None = None
        self._stopping = False
        self._ending = False
        self._span = StageSpan()

    @contextmanager
    def task(self, name: str) -> Iterator[StageSpan]:
        """Everything that runs in the block belongs to one task, which a stop waits for, and to one trace."""
        self._task = name
        try:
            with stage_span(name, caller_span()) as self._span:
                yield self._span
        finally:
            self._task = None
            self._span = StageSpan()

    def run(self, *arguments: str, acting_person: str | None = None, show: Callable[[str], None] | None = None) -> int:
        """Run `python -m ...` to its end; returns the exit status.

        Args:
            arguments: what follows `python -m`.
            acting_person: who asked for it, where that is not who started us.
            show: gets the end of the log, again and again, and once more after the command has ended.
        """
        name = f"`python -m {' '.join(arguments)}`"
        # In a session of its own: a Ctrl-C at the terminal reaches it through `stop` only.
        self._ending = False
        person = {} if acting_person is None else {ACTING_PERSON: acting_person}
        self._running = self._start(name, arguments, {**self._span.environment, **person})
        if self._ending:  # asked for while it was started, when there was nothing to end yet
            self._running.terminate()
        try:
            if isinstance(self._running, Child):
                self._follow(self._running, show)
            status = self._running.wait()
        finally:
            self._running = None
        logger.info("%s ended with status %d", name, status)
        return status

    def _start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Child | Attached:
        command = (sys.executable, "-m", *arguments)
        if self._log_dir is None:
            logger.info("%s begins", name)
            return Attached(name, command, environment)
        log = self._log_dir / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{'-'.join(arguments[:2])}.log"
        logger.info("%s begins, log: %s", name, log)
        return Child(name, command, environment, log)

    def _follow(self, child: Child, show: Callable[[str], None] | None) -> None:
        """Return once a command has ended."""
        while child.is_running():
            self._beside()
            if show is not None:
                show(child.output_end())
            time.sleep(FOLLOW_S)
        if show is not None:
            show(child.output_end())

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
