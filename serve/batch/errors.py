"""Faults of inputs, outputs and of runs that can't go on."""

from __future__ import annotations

from fraud.errors import ProjectError


class BatchError(ProjectError):
    """Root of them."""


class InputError(BatchError):
    """An input can't be scored."""

    def __init__(self, place: object, fault: str) -> None:
        super().__init__(f"{place}: {fault}")


class OutputError(BatchError):
    """The output can't be written there."""

    def __init__(self, place: object, fault: str) -> None:
        super().__init__(f"{place}: {fault}")


class StoreError(BatchError):
    """A store of files refuses what is asked of it, or does not answer."""


class RecordError(BatchError):
    """The prediction log does not take the answers."""


class ResumeError(BatchError):
    """What a run left can't be gone on with."""
