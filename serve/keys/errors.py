"""Faults about API keys."""

from __future__ import annotations

from fraud.errors import ProjectError


class KeysError(ProjectError):
    """What was asked for about an API key can't be."""
