"""Internal errors of the prediction log; those that clients see are in `serve/errors.py`."""

from __future__ import annotations

from fraud.errors import ProjectError


class SpoolError(ProjectError):
    """The spool's folder or a file in it is invalid."""


class MarkMoved(ProjectError):
    """Another shipper has shipped from the same spool meanwhile, so the marks must be read again."""


class RetentionWaits(ProjectError):
    """An expired month has chains whose end no server has noted yet."""
