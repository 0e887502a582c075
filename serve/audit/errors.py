"""Faults of the audit's commands."""

from __future__ import annotations

from fraud.errors import ProjectError


class AuditError(ProjectError):
    """The audit or the erasure can't be carried out as things are; nothing was changed."""
