"""Errors of inputs, outputs and runs."""

from __future__ import annotations

from fraud.errors import ProjectError


class BatchError(ProjectError):
    """Root of the errors of batch scoring."""


class _PlaceError(BatchError):
    def __init__(self, place: object, fault: str) -> None:
        super().__init__(f"{place}: {fault}")
        self._arguments = (str(place), fault)

    def __reduce__(self) -> tuple[type[_PlaceError], tuple[str, str]]:
        return type(self), self._arguments  # it is pickled from a scoring process to the main one


class InputError(_PlaceError):
    """An input can't be scored."""


class OutputError(_PlaceError):
    """The output can't be written."""


class StoreError(BatchError):
    """An object store refuses a request, or does not answer."""


class RecordError(BatchError):
    """The prediction log does not take the answers."""


class ResumeError(BatchError):
    """An earlier run can't be resumed."""
