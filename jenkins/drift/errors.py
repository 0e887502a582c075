"""Why the drift monitor can't say anything."""

from __future__ import annotations

from fraud.errors import ProjectError


class DriftError(ProjectError):
    """A check or a claim can't be made; never to be read as "no drift"."""
