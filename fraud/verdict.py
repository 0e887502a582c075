"""Verdicts of checks: the same five, with the same exit statuses, for the promotion gate and the drift monitor."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """The end of a check. Only `PASS` may change anything; 1 is no verdict, it is what a crash returns."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """Inconclusive: the check ran, with too few or too noisy data."""
    ERROR = "error"
    """The check could not run."""
    DATA_QUALITY_FAULT = "data_quality_fault"
    """The data can't be right, so they say nothing about what they describe."""

    @property
    def exit_status(self) -> int:
        """What a command returns to the shell."""
        return _EXIT_STATUS[self]


_EXIT_STATUS: Final = {
    Verdict.PASS: 0,
    Verdict.FAIL: 10,
    Verdict.INCONCLUSIVE: 20,
    Verdict.ERROR: 2,
    Verdict.DATA_QUALITY_FAULT: 30,
}

_WORST_FIRST: Final = (
    Verdict.ERROR,
    Verdict.DATA_QUALITY_FAULT,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a check made of several: it passes only when every part passes.

    A part that could not run comes first, since whatever the others say, the check as a whole did not happen; a
    failure comes before "can't tell", since no further data would turn it into a pass.

    Raises:
        ValueError: there is no part; nothing checked is not a pass.
    """
    found = set(verdicts)
    if not found:
        raise ValueError("a verdict needs at least one part")
    return next(verdict for verdict in _WORST_FIRST if verdict in found)
