"""Errors of people's accounts."""

from __future__ import annotations

from fraud.errors import ProjectError


class PeopleError(ProjectError):
    """An act on an account is impossible."""
