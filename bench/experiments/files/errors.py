"""Faults of the comparison of files."""

from __future__ import annotations

from fraud.errors import ProjectError


class ContestError(ProjectError):
    """A contender can't score a file."""
