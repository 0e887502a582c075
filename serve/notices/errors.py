"""Errors of sending notices."""

from __future__ import annotations

from fraud.errors import ProjectError


class NotSent(ProjectError):
    """A way of telling people did not take a notice; the message is for a page, and has no secret."""
