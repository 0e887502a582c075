"""Faults of the comparison with peers."""

from fraud.errors import ProjectError


class PeersError(ProjectError):
    """The comparison can't be made, or what it measured can't be trusted."""
