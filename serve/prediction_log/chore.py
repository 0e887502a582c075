"""A periodic maintenance task: retried after a fault, and logged once if it falls behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

import psycopg2

from fraud.errors import ProjectError
from serve.prediction_log.errors import RetentionWaits
from serve.prediction_log.metrics import UpkeepMetrics

logger = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 30.0
PATIENCE_S: Final = 60.0
"""Delay that is logged; a reader that blocks it for some seconds is not."""


class Chore:
    """One task. Its faults stop neither shipping nor other tasks."""

    def __init__(
        self,
        name: str,
        do: Callable[[], None],
        interval_s: float,
        metrics: UpkeepMetrics,
        recover: Callable[[], None],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Create a task that is due at once.

        Args:
            metrics: receives the time since the task was due, until it is done.
            recover: called after a fault.
        """
        self._name = name
        self._do = do
        self._interval_s = interval_s
        self._metrics = metrics
        metrics.behind_s.labels(name).set(0.0)
        self._recover = recover
        self._patience_s = patience_s
        self._retry_s = FIRST_RETRY_S
        self._due_since = self.next_at = time.monotonic()
        self._is_told = False

    def do_when_due(self) -> None:
        """Run the task if it is due."""
        if time.monotonic() < self.next_at:
            return
        try:
            self._do()
        except RetentionWaits as error:
            self._fall_behind(error)
        except (psycopg2.Error, ProjectError, OSError) as error:
            self._recover()
            self._fall_behind(error)
        else:
            self._catch_up()

    def _fall_behind(self, error: Exception) -> None:
        now = time.monotonic()
        self._metrics.tell(self._name, now - self._due_since)
        if not self._is_told and now - self._due_since >= self._patience_s:
            self._is_told = True
            # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
            reason = str(error).partition("\n")[0]
            logger.warning(
                "%s of the prediction log is overdue and is retried, without delaying shipping; this is not logged "
                "again until it is done: %s",
                self._name,
                reason,
            )
        self.next_at = now + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def _catch_up(self) -> None:
        now = time.monotonic()
        if self._is_told:
            logger.warning("%s of the prediction log has caught up after %.0f s", self._name, now - self._due_since)
        self._is_told = False
        self._metrics.tell(self._name, 0.0)
        self._retry_s = FIRST_RETRY_S
        self._due_since = self.next_at = now + self._interval_s
