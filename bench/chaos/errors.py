"""Faults of the experiment itself."""

from fraud.errors import ProjectError


class ChaosError(ProjectError):
    """The site could not be set up, or did not come back, so that nothing can be told."""
