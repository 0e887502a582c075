"""The stages in their order, and the command of each.

Promotion and deployment are one stage: aliases and server change together or not at all.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.gate.report.files import JSON_FILE
from fraud.report.verdict_file import VERDICT_FILE


class Stage(StrEnum):
    """One step, in the order in which they are taken."""

    DATA_CHECK = "data-check"
    TRAIN = "train"
    PARITY = "parity"
    GATE = "gate"
    SHADOW = "shadow"
    PROMOTE = "promote"
    VERIFY = "verify"

    @property
    def number(self) -> int:
        """Place in the order, from 1."""
        return tuple(Stage).index(self) + 1


@dataclass(frozen=True, slots=True)
class Task:
    """What all stages of one retraining share."""

    today: dt.date
    reason: str
    folder: Path
    """Where reports go, each into a folder named by its stage."""

    def command(self, stage: Stage) -> tuple[str, ...]:
        """What follows `python -m`."""
        day = ("--today", self.today.isoformat())
        report = ("--report", str(self.folder / stage))
        return {
            Stage.DATA_CHECK: ("train.data_check", *day, *report),
            Stage.TRAIN: ("train", *day, f"--reason={self.reason}"),
            Stage.PARITY: ("train.candidate_parity", *day, *report),
            Stage.GATE: ("bench", "gate", "--measure-only", *day, *report),
            # The gate may have put the champion's recipe in the candidate's place, so no version is named.
            Stage.SHADOW: ("bench", "shadow", "--optional", *day, *report),
            Stage.PROMOTE: ("bench", "promote", "--report", str(self.folder / Stage.GATE)),
            Stage.VERIFY: ("bench", "verify"),
        }[stage]

    def verdict_path(self, stage: Stage) -> Path:
        """Where the stage's own verdict is, if it writes one."""
        return self.folder / stage / (JSON_FILE if stage is Stage.GATE else VERDICT_FILE)
