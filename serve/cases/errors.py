"""Errors of acts on cases."""

from __future__ import annotations

from fraud.errors import ProjectError


class CaseError(ProjectError):
    """The case's state does not allow the act, or the act lacks required data."""
