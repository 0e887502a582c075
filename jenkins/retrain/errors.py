"""Faults of a retraining that are no verdict of a stage."""

from fraud.errors import ProjectError


class RetrainingError(ProjectError):
    """A stage can't be run; the message says what to do first."""
