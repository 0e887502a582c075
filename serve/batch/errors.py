"""Faults of inputs, outputs and of runs that can't go on."""

from __future__ import annotations

from fraud.errors import ProjectError


class BatchError(ProjectError):
    """Root of them."""


class _PlaceError(BatchError):
    def __init__(self, place: object, fault: str) -> None:
        super().__init__(f"{place}: {fault}")
        self._arguments = (str(place), fault)

    def __reduce__(self) -> tuple[type[_PlaceError], tuple[str, str]]:
        return type(self), self._arguments  # it goes from the process that scores to the one that tells


class InputError(_PlaceError):
    """An input can't be scored."""


class OutputError(_PlaceError):
    """The output can't be written there."""


class StoreError(BatchError):
    """A store of files refuses what is asked of it, or does not answer."""


class RecordError(BatchError):
    """The prediction log does not take the answers."""


class ResumeError(BatchError):
    """What a run left can't be gone on with."""
