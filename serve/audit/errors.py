"""Errors of the audit's commands."""

from __future__ import annotations

from fraud.errors import ProjectError


class AuditError(ProjectError):
    """The audit or the erasure is not possible; nothing was changed."""
