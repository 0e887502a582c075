"""Faults that keep a candidate from being compared on logged applications."""

from fraud.errors import ProjectError


class ShadowError(ProjectError):
    """The comparison can't be made; the message says what to do."""
