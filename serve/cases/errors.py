"""What can't be done with a case."""

from __future__ import annotations

from fraud.errors import ProjectError


class CaseError(ProjectError):
    """An act that a case, as it is, does not allow; or one that does not say what it needs."""
