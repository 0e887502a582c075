"""Errors of submitted labels."""

from __future__ import annotations

from collections.abc import Sequence

from serve.errors import InvalidInstance, RowFault


class InvalidLabels(InvalidInstance):
    """`/labels`: `faults` names every wrong field and what was expected; nothing was recorded."""

    code = "invalid_labels"
    names_all = True

    def __init__(self, faults: Sequence[RowFault]) -> None:
        """The message describes the first fault and has their number; `instance` is a label's position, 0-based."""
        first = faults[0]
        what = f"label {first.instance}" + ("" if first.field is None else f", {first.field}")
        more = "" if len(faults) == 1 else f" ({len(faults):,} faults in all)"
        message = f"{what}: {first.message}{more}; nothing was recorded"
        super().__init__(message, first.instance, first.field, faults)
