"""A gate that only a busy machine keeps from deciding is measured again, by itself or by hand, and no other is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from fraud.registry import Registry
from fraud.verdict import Verdict
from jenkins.retrain.record import Record, StageResult
from jenkins.retrain.run import Patience, Retraining
from jenkins.retrain.stages import Stage, Task

ROOT = Path(__file__).parents[3]
BEFORE_GATE = tuple(
    StageResult(stage, Verdict.PASS, 1.0, ()) for stage in (Stage.DATA_CHECK, Stage.TRAIN, Stage.PARITY)
)


@dataclass(frozen=True)
class BusyTask(Task):
    """A retraining whose gate says one after the other."""

    said: tuple[str, ...] = ()

    def command(self, stage: Stage) -> tuple[str, ...]:
        assert stage is Stage.GATE
        return ("tests.jenkins.retrain.busy_gate", str(self.folder / stage), str(self.folder / "runs"), *self.said)

    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.chdir(ROOT)
    return Record(dt.date(2026, 5, 1), "test", dt.datetime.now(dt.UTC), BEFORE_GATE)


def gate(folder: Path, record: Record, *said: str, tries: int) -> tuple[Record, int]:
    """Run the gate's stage; the record after it, and how often the gate was run."""
    task = BusyTask(record.today, record.reason, folder, said)
    nowhere = Registry("http://127.0.0.1:1", "test", 1)
    record = Retraining(task, nowhere, Console(), Patience(tries, pause_s=0)).run_stage(record, Stage.GATE)
    return record, task.runs()


@pytest.mark.parametrize(
    ("said", "tries", "verdict", "runs"),
    [
        pytest.param(("pass", "inconclusive", "pass"), 3, Verdict.PASS, 2, id="calmer at the second try"),
        pytest.param(("pass", "inconclusive", "fail"), 3, Verdict.FAIL, 2, id="calmer, and the candidate is slow"),
        pytest.param(("pass", "inconclusive"), 3, Verdict.INCONCLUSIVE, 3, id="busy for long: not for ever"),
        pytest.param(("pass", "inconclusive"), 1, Verdict.INCONCLUSIVE, 1, id="no patience"),
        pytest.param(("inconclusive", "pass"), 3, Verdict.INCONCLUSIVE, 1, id="too few divorces: the same again"),
        pytest.param(("pass", "fail"), 3, Verdict.FAIL, 1, id="rejected"),
        pytest.param(("pass", "pass"), 3, Verdict.PASS, 1, id="passed"),
    ],
)
def test_only_a_busy_machine_is_given_more_time(
    tmp_path: Path, record: Record, said: tuple[str, ...], tries: int, verdict: Verdict, runs: int
) -> None:
    ended, found = gate(tmp_path, record, *said, tries=tries)
    assert (ended.stages[-1].stage, ended.stages[-1].verdict, found) == (Stage.GATE, verdict, runs)
    assert len(ended.stages) == 4


def test_a_gate_that_could_not_decide_may_be_run_again_by_hand(tmp_path: Path, record: Record) -> None:
    busy, _ = gate(tmp_path / "busy", record, "pass", "inconclusive", tries=1)
    assert busy.next_stage is Stage.GATE
    calm, _ = gate(tmp_path / "calm", busy, "pass", "pass", tries=1)
    assert [result.verdict for result in calm.stages] == [Verdict.PASS] * 4
    assert calm.next_stage is Stage.SHADOW


def test_a_rejected_candidate_has_no_next_stage(tmp_path: Path, record: Record) -> None:
    rejected, _ = gate(tmp_path, record, "pass", "fail", tries=1)
    assert rejected.next_stage is None
