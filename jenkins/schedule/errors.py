"""Faults of the schedules."""

from fraud.errors import ProjectError


class ScheduleError(ProjectError):
    """The schedules can't run; the message says what to do."""
