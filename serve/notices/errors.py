"""Errors of sending notices."""

from __future__ import annotations

from fraud.errors import ProjectError


class NotSent(ProjectError):
    """A way of notification did not accept a notice; the message is shown on a page and contains no secret."""
