"""Faults of the prediction log beyond those that a client is told of (`serve/errors.py`)."""

from __future__ import annotations

from fraud.errors import ProjectError


class SpoolError(ProjectError):
    """The spool's folder or a file in it is not what it has to be."""


class MarkMoved(ProjectError):
    """Another shipper has shipped from the same spool meanwhile; what is in the table has to be looked up again."""


class RetentionWaits(ProjectError):
    """An expired month has chains whose end no server has noted yet."""
