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
        "All that was answered until now is compared with what the version in production knows. Nothing changes; where "
        "drift is found, you can retrain.",
        "python -m jenkins.drift check --now",
    ),
    Act.RETRAIN: Told(
        "Retrain",
        "Retrain the model now?",
        "A new version is trained, proven and judged by the gate. It comes into production only where the gate lets it "
        "pass. It takes some minutes, and the machine's processor.",
        "python -m jenkins.retrain",
    ),
    Act.ROLLBACK: Told(
        "Roll back",
        "Put the version of before back into production?",
        "All servers load the version that was in production before, and answer with it. A second rollback goes forth "
        "again.",
        "python -m bench rollback",
    ),
}
