"""What operators can ask for."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from fraud.report.stored import ReportKind


class Act(StrEnum):
    """One thing; its name is part of an address."""

    CHECK_DRIFT = "check-drift"
    RETRAIN = "retrain"
    ROLLBACK = "rollback"

    @property
    def told(self) -> Told:
        """What people read about it."""
        return TOLD[self]

    @property
    def report_kind(self) -> ReportKind | None:
        """Of the report that it writes; None: it writes none."""
        return {Act.CHECK_DRIFT: ReportKind.DRIFT, Act.RETRAIN: ReportKind.RETRAINING}.get(self)


class Told(msgspec.Struct, frozen=True):
    """In words."""

    name: str
    question: str
    happens: str
    by_hand: str
    """The same in a terminal."""


TOLD: Final = {
    Act.CHECK_DRIFT: Told(
        "Check drift now",
        "Check for drift now?",
        "The check compares all answers so far with the reference of the version in production. It changes nothing; if "
        "it finds drift, you can retrain.",
        "python -m jenkins.drift check --now",
    ),
    Act.RETRAIN: Told(
        "Retrain",
        "Retrain the model now?",
        "Trains and proves a new version, and the gate judges it. The version goes into production only if it passes. "
        "This takes some minutes and much of the machine's processor.",
        "python -m jenkins.retrain",
    ),
    Act.ROLLBACK: Told(
        "Roll back",
        "Return to the previous version?",
        "All servers load the previous version and answer with it. A second rollback returns to the present version.",
        "python -m bench rollback",
    ),
}
