"""Which task runs when, by APScheduler; all in one thread, so that no two tasks ever run at once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from apscheduler.events import EVENT_JOB_SUBMITTED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from fraud.verdict import Verdict
from jenkins.schedule.commands import Commands
from jenkins.schedule.memory import Memory
from jenkins.schedule.requests import Requests
from jenkins.schedule.requests_table import TaskTimes

logger = logging.getLogger(__name__)

LOOK_S: Final = 5.0
"""How often is looked for what operators ask for."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do at the times of a trigger."""

    name: str
    trigger: BaseTrigger
    work: Callable[[Commands], Verdict]


@dataclass(frozen=True, slots=True)
class Coming:
    """When a task runs next."""

    task: str
    at: dt.datetime | None
    missed: bool
    """It should have run while nobody was there."""


def coming(task: Task, memory: Memory, now: dt.datetime) -> Coming:
    """When the task runs next: now, if it was missed."""
    last = memory.last(task.name)
    if last is not None:
        due = task.trigger.get_next_fire_time(last, last)
        if due is not None and due <= now:
            return Coming(task.name, now, missed=True)
    return Coming(task.name, task.trigger.get_next_fire_time(None, now), missed=False)


def times_of(tasks: tuple[Task, ...], memory: Memory) -> list[TaskTimes]:
    """When tasks were begun last, and come next."""
    now = dt.datetime.now(dt.UTC)
    return [TaskTimes(task.name, memory.last(task.name), coming(task, memory, now).at) for task in tasks]


class Timetable:
    """Runs tasks at their times until it is stopped."""

    def __init__(
        self, tasks: tuple[Task, ...], commands: Commands, memory: Memory, requests: Requests | None = None
    ) -> None:
        """`requests`: what operators ask for meanwhile; None: nobody can."""
        self._commands = commands
        self._memory = memory
        # The debug executor runs a job where the scheduler itself runs: here, and not in a pool of threads.
        self._scheduler = BlockingScheduler(executors={"default": DebugExecutor()}, timezone=dt.UTC)
        self._scheduler.add_listener(self._end_if_stopping, EVENT_JOB_SUBMITTED)
        now = dt.datetime.now(dt.UTC)
        for task in tasks:
            # Late is better than never, once is enough.
            self._scheduler.add_job(
                self._run,
                task.trigger,
                args=(task,),
                id=task.name,
                next_run_time=coming(task, memory, now).at,
                misfire_grace_time=None,
                coalesce=True,
            )
        if requests is not None:
            self._scheduler.add_job(
                requests.look,
                IntervalTrigger(seconds=LOOK_S),
                args=(commands,),
                id="requests",
                next_run_time=now,
                misfire_grace_time=None,
                coalesce=True,
            )

    def run(self) -> None:
        """Wait and work. An interrupt ends the waiting; a task that runs is waited for."""
        self._scheduler.start()

    def _run(self, task: Task) -> None:
        if self._commands.is_stopping():
            return
        with self._commands.task(task.name) as span:
            self._memory.begin(task.name, dt.datetime.now(dt.UTC))
            verdict = span.verdict = task.work(self._commands)
        level = logging.INFO if verdict is Verdict.PASS else logging.WARNING
        logger.log(level, "%s: %s", task.name, verdict)

    def _end_if_stopping(self, _event: object) -> None:
        """Called when all that was due has run, and not from within a job, which must not shut the scheduler down."""
        if self._commands.is_stopping():
            self._scheduler.shutdown(wait=False)
