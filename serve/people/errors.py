"""Faults about people's accounts."""

from __future__ import annotations

from fraud.errors import ProjectError


class PeopleError(ProjectError):
    """What was asked for about an account can't be."""
