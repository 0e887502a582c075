"""The tasks of the schedule, as its process reports them."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

CALLED: Final = {
    "drift-monitor": "Drift check",
    "retrain": "Retraining",
    "rewrite-erased": "Rewrite of erased data",
}
SILENCE: Final = dt.timedelta(minutes=5)
"""It tells each minute that it is there."""

_TIMES: Final = """
    SELECT task, begun_at, next_at, told_at > now() - %s FROM public.schedule_times ORDER BY next_at NULLS LAST, task
"""


class ScheduledTask(msgspec.Struct, frozen=True):
    """One of its tasks."""

    task: str
    begun_at: dt.datetime | None
    next_at: dt.datetime | None
    is_heard: bool
    """Whether its process has reported recently."""

    @property
    def name(self) -> str:
        """As people call it."""
        return CALLED.get(self.task, self.task)


def scheduled_tasks(connection: Connection) -> list[ScheduledTask]:
    """In the order of their next run; empty if no schedule has reported, as with Jenkins."""
    with connection.cursor() as cursor:
        cursor.execute(_TIMES, (SILENCE,))
        return [ScheduledTask(*found) for found in cursor.fetchall()]


def is_heard(tasks: list[ScheduledTask]) -> bool:
    """Whether a schedule is there to do what somebody asks for."""
    return any(task.is_heard for task in tasks)
