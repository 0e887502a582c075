"""What operators ask for in a page, done where the schedule's tasks are done: one thing at a time, by its commands.

The page may only ask. Which commands that means is said here, and they run with this process's rights.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import psycopg2

from fraud.errors import DatabaseError
from jenkins.schedule.commands import Commands
from jenkins.schedule.requests_table import RequestsTable, TakenRequest, TaskTimes

logger = logging.getLogger(__name__)

TELL_TIMES_S: Final = 60.0
"""How often is said that we are there."""
TELL_OUTPUT_S: Final = 2.0
"""How often what a command prints is passed on."""
ACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "check-drift": ("jenkins.drift", "check", "--now"),
    "retrain": ("jenkins.retrain", "--reason", "asked for by {person}"),
    "rollback": ("bench", "rollback"),
}
"""What follows `python -m`."""


class Requests:
    """Takes requests and tells the times of tasks; a database that is away is asked again."""

    def __init__(self, table: RequestsTable, times: Callable[[], Iterable[TaskTimes]]) -> None:
        """`times` says when tasks come."""
        self._table = table
        self._times = times
        self._told_at = -TELL_TIMES_S
        self._is_away = False

    def look(self, commands: Commands) -> None:
        """Do what is asked for, one after the other, and say that we are there."""
        self.say_that_we_are_there()
        try:
            while not commands.is_stopping() and (request := self._table.take()) is not None:
                with commands.task(request.act):
                    self._do(commands, request)
        except (DatabaseError, psycopg2.Error) as error:
            self._fail(error)
        else:
            self._is_away = False

    def say_that_we_are_there(self) -> None:
        """Tell the times of tasks, once a minute; also while a command runs."""
        now = time.monotonic()
        if now - self._told_at < TELL_TIMES_S:
            return
        self._told_at = now
        try:
            self._table.tell_times(self._times())
        except (DatabaseError, psycopg2.Error) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Say once that the database is away."""
        if not self._is_away:
            reason = str(error).partition("\n")[0]
            logger.warning("operators' requests can't be read; the next minute tries again: %s", reason)
        self._is_away = True

    def _do(self, commands: Commands, request: TakenRequest) -> None:
        logger.info("request %d of %s: %s", request.number, request.person, request.act)
        output = Output(self._table, request.number)
        arguments = (argument.format(person=request.person) for argument in ACTS[request.act])
        status = commands.run(*arguments, acting_person=request.person, show=output.show)
        self._table.end(request.number, status, output.shown)


class Output:
    """Passes on what a command prints; where the database is away, the command goes on without."""

    def __init__(self, table: RequestsTable, number: int) -> None:
        self._table = table
        self._number = number
        self._told_at = -TELL_OUTPUT_S
        self.shown = ""

    def show(self, output: str) -> None:
        """All of it so far, or its end."""
        self.shown = output
        now = time.monotonic()
        if now - self._told_at < TELL_OUTPUT_S:
            return
        self._told_at = now
        try:
            self._table.tell(self._number, output)
        except (DatabaseError, psycopg2.Error) as error:
            logger.warning("request %d: its output is not passed on: %s", self._number, str(error).partition("\n")[0])
