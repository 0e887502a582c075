"""What can go wrong with a count."""

from __future__ import annotations

from fraud.errors import ProjectError


class TrendError(ProjectError):
    """Instructions could not be counted."""
