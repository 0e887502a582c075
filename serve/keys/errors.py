"""Errors of API keys."""

from __future__ import annotations

from fraud.errors import ProjectError


class KeysError(ProjectError):
    """An act on an API key is impossible."""
