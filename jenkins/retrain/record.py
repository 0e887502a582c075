"""The record of a retraining: which stage ended how, and the one verdict that follows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

import msgspec

from fraud.report.verdict_file import VERDICT_FILE, write_verdict
from fraud.verdict import Verdict, worst
from jenkins.retrain.errors import RetrainingError
from jenkins.retrain.stages import Stage
from jenkins.tracing import NamedSpan

BEGIN_ANOTHER: Final = f"start another with `python -m jenkins.retrain --stage {Stage.DATA_CHECK}`"


class StageResult(msgspec.Struct, frozen=True):
    """How a stage ended."""

    stage: Stage
    verdict: Verdict
    seconds: float
    reasons: tuple[str, ...]


class Record(msgspec.Struct, frozen=True):
    """A retraining so far, as `verdict.json` keeps it."""

    today: dt.date
    reason: str
    started: dt.datetime
    stages: tuple[StageResult, ...] = ()
    production: int | None = None
    """The version in production once all stages have passed."""
    span: NamedSpan | None = None
    """Where a collector of traces is named: the span that the stages are below."""

    @property
    def verdict(self) -> Verdict:
        """Of the retraining as a whole: it passes only when every stage has passed."""
        so_far = worst([result.verdict for result in self.stages] or [Verdict.INCONCLUSIVE])
        return Verdict.INCONCLUSIVE if so_far is Verdict.PASS and self.to_come else so_far

    @property
    def to_come(self) -> tuple[Stage, ...]:
        """The stages that have not been run."""
        return tuple(Stage)[len(self.stages) :]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of the stage that ended it; of one that did not end, what is to come."""
        if self.stages and self.stages[-1].verdict is not Verdict.PASS:
            last = self.stages[-1]
            return tuple(f"{last.stage}: {reason}" for reason in last.reasons)
        if self.to_come:
            return (f"not done yet: {', '.join(self.to_come)}",)
        return (f"version {self.production} is in production",)

    @property
    def is_over(self) -> bool:
        """Whether no stage goes on from here: all have passed, or the last one has not."""
        return not self.to_come or bool(self.stages and self.stages[-1].verdict is not Verdict.PASS)

    @property
    def next_stage(self) -> Stage | None:
        """The one that may be run: the first that has not passed, unless it has decided against the candidate."""
        if self.stages and self.stages[-1].verdict is Verdict.INCONCLUSIVE:
            return self.stages[-1].stage
        passed = not self.stages or self.stages[-1].verdict is Verdict.PASS
        return self.to_come[0] if passed and self.to_come else None

    def check_next(self, stage: Stage) -> None:
        """Raise a RetrainingError unless the stage is the next one, or the last one that could not be decided."""
        if stage is not self.next_stage:
            raise RetrainingError(
                f"stage {stage} is not the next one of this retraining: {'; '.join(self.reasons)} ({BEGIN_ANOTHER})"
            )

    def ended(self, result: StageResult) -> Record:
        """The record with the end of a stage; of one that was run again, the last end counts."""
        before = tuple(earlier for earlier in self.stages if earlier.stage is not result.stage)
        return msgspec.structs.replace(self, stages=(*before, result))

    def write(self, folder: Path) -> None:
        """Write `verdict.json`."""
        write_verdict(folder, self.verdict, self.reasons, msgspec.to_builtins(self))


def read_record(folder: Path) -> Record:
    """The record of the retraining that was begun in the folder.

    Raises:
        RetrainingError: none was.
    """
    path = folder / VERDICT_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError) as error:
        raise RetrainingError(f"no retraining was begun in {folder} ({error}; {BEGIN_ANOTHER})") from error
