"""The record of a retraining, and the order that its command keeps."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.gate.lock import RETRAINING, alone
from fraud.database import connect
from fraud.report.stored import ReportKind, find_report, list_reports
from fraud.stack.ports import hold_port
from fraud.verdict import Verdict
from jenkins.retrain.__main__ import app
from jenkins.retrain.errors import RetrainingError
from jenkins.retrain.record import Record, StageResult, read_record
from jenkins.retrain.stages import Stage, Task


def record(*verdicts: Verdict) -> Record:
    """Stages that ended so, in their order."""
    ran = tuple(
        StageResult(stage, verdict, 1.0, (f"{stage} says so",)) for stage, verdict in zip(Stage, verdicts, strict=False)
    )
    return Record(dt.date(2026, 5, 1), "test", dt.datetime.now(dt.UTC), ran, production=2)


@pytest.mark.parametrize(
    ("verdicts", "verdict", "reason"),
    [
        ([], Verdict.INCONCLUSIVE, "not done yet: data-check"),
        ([Verdict.PASS] * 6, Verdict.INCONCLUSIVE, "not done yet: verify"),
        ([Verdict.PASS] * 7, Verdict.PASS, "version 2 is in production"),
        ([Verdict.DATA_QUALITY_FAULT], Verdict.DATA_QUALITY_FAULT, "data-check: data-check says so"),
        ([*[Verdict.PASS] * 3, Verdict.FAIL], Verdict.FAIL, "gate: gate says so"),
        ([*[Verdict.PASS] * 3, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE, "gate: gate says so"),
        ([*[Verdict.PASS] * 4, Verdict.DATA_QUALITY_FAULT], Verdict.DATA_QUALITY_FAULT, "shadow: shadow says so"),
        ([*[Verdict.PASS] * 6, Verdict.ERROR], Verdict.ERROR, "verify: verify says so"),
    ],
)
def test_only_seven_stages_that_pass_are_a_pass(verdicts: list[Verdict], verdict: Verdict, reason: str) -> None:
    found = record(*verdicts)
    assert found.verdict is verdict
    assert found.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("verdicts", "stage"),
    [
        ([], Stage.TRAIN),
        ([Verdict.PASS], Stage.GATE),
        ([Verdict.PASS], Stage.DATA_CHECK),
        ([*[Verdict.PASS] * 3, Verdict.FAIL], Stage.PROMOTE),
        ([Verdict.PASS] * 4, Stage.PROMOTE),
        ([Verdict.PASS] * 7, Stage.VERIFY),
    ],
)
def test_no_stage_is_left_out_repeated_or_taken_after_one_that_did_not_pass(
    verdicts: list[Verdict], stage: Stage
) -> None:
    with pytest.raises(RetrainingError, match=f"stage {stage} is not the next one"):
        record(*verdicts).check_next(stage)


@pytest.mark.parametrize(
    ("verdicts", "is_over"),
    [
        ([], False),
        ([Verdict.PASS] * 6, False),
        ([Verdict.PASS] * 7, True),
        ([*[Verdict.PASS] * 3, Verdict.INCONCLUSIVE], True),
    ],
)
def test_retraining_ends_once_no_stage_runs(verdicts: list[Verdict], *, is_over: bool) -> None:
    assert record(*verdicts).is_over is is_over


def test_a_state_is_read_back_as_written(tmp_path: Path) -> None:
    written = record(Verdict.PASS, Verdict.FAIL)
    written.write(tmp_path)
    assert read_record(tmp_path) == written


def test_the_gate_only_measures_and_the_promotion_takes_its_report(tmp_path: Path) -> None:
    task = Task(dt.date(2026, 5, 1), "test", tmp_path)
    gate, promote = task.command(Stage.GATE), task.command(Stage.PROMOTE)
    assert "--measure-only" in gate
    assert gate[-1] == promote[-1] == str(tmp_path / "gate")


@pytest.fixture
def retrain(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command on a database without applications, and with a registry that is away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{hold_port()}/mlflow")
    monkeypatch.setenv("REGISTRY_TIMEOUT_S", "1")
    monkeypatch.setenv("MODEL_NAME", "retrained")
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_retraining_ends_at_the_first_failed_stage(
    retrain: Callable[..., Result], database: str, tmp_path: Path
) -> None:
    result = retrain("--today", "2026-05-01", "--reason", "no applications")
    assert result.exit_code == 20, result.output
    written = json.loads((tmp_path / "retrain" / "verdict.json").read_text())
    assert (written["exit_status"], written["reason"]) == (20, "no applications")
    assert [stage["stage"] for stage in written["stages"]] == ["data-check"]
    assert "rows: 0; expected at least 1,000" in written["reasons"][0]
    assert b"<failure" in (tmp_path / "retrain" / "junit.xml").read_bytes()
    with connect(database) as connection:
        (listed,) = list_reports(connection, ReportKind.RETRAINING, 10)
        found = find_report(connection, listed.number)
    assert found is not None
    assert json.loads(found.report.facts)["stages"] == written["stages"]
    assert "no applications" in found.report.page
    assert "rows: 0; expected at least 1,000" in found.report.page
    after = retrain("--stage", "train")
    assert (after.exit_code, "not the next one" in after.output) == (2, True)


def test_reports_of_an_earlier_retraining_are_gone(retrain: Callable[..., Result], tmp_path: Path) -> None:
    stale = tmp_path / "retrain" / "gate" / "gate.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    assert retrain().exit_code == 20
    assert not stale.exists()


def test_a_later_stage_keeps_the_day_and_the_reason(retrain: Callable[..., Result], tmp_path: Path) -> None:
    begun = Record(dt.date(2026, 5, 1), "begun", dt.datetime.now(dt.UTC), record(Verdict.PASS).stages)
    begun.write(tmp_path / "retrain")
    assert retrain("--stage", "train", "--today", "2020-01-01", "--reason", "other").exit_code == 2
    assert (read_record(tmp_path / "retrain").today, read_record(tmp_path / "retrain").reason) == (begun.today, "begun")


def test_two_retrainings_never_run_at_once(retrain: Callable[..., Result], database: str) -> None:
    with alone(database, "retrained", RETRAINING):
        refused = retrain()
    assert (refused.exit_code, "another retraining of retrained is running" in refused.output) == (2, True)


@pytest.mark.parametrize("reason", ["a\nb", "a\x1b[2Jb", "x" * 201])
def test_a_reason_that_is_no_line_is_refused(retrain: Callable[..., Result], reason: str) -> None:
    assert retrain("--reason", reason).exit_code == 2


def test_a_database_that_is_away_is_an_error(retrain: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://x@127.0.0.1:{hold_port()}/x")
    assert retrain().exit_code == 2
