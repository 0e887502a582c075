"""Faults of streams."""

from __future__ import annotations

from fraud.errors import ProjectError


class StreamError(ProjectError):
    """A broker does not answer, or is not set up as it has to be."""


class NotSettled(StreamError):
    """A broker has aborted a batch: its applications come again, here or at another bridge."""
