"""Faults of a replay; each message names the month and what to do."""

from fraud.errors import ProjectError


class ReplayError(ProjectError):
    """The replay can't go on, or what it saw is a failure of the system."""
