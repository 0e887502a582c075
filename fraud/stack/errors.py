"""Faults of starting and stopping services."""

from fraud.errors import ProjectError


class StackError(ProjectError):
    """A service of the stack could not be started, or stopped by itself."""
