"""Runs stages as commands of their own, whose output is the console's, and keeps the record."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from bench.gate.measured import was_too_busy
from fraud.registry import PRODUCTION, Registry
from fraud.report.verdict_file import VerdictFileError, read_verdict
from fraud.verdict import Verdict
from jenkins.retrain.record import Record, StageResult
from jenkins.retrain.stages import Stage, Task
from jenkins.tracing import StageSpan, begin_span, caller_span, stage_span

STOP_TIMEOUT_S: Final = 60.0
VERDICT_OF: Final = {verdict.exit_status: verdict for verdict in Verdict}


def begin(task: Task) -> Record:
    """An empty record, in a folder without reports of an earlier retraining."""
    shutil.rmtree(task.folder, ignore_errors=True)
    record = Record(task.today, task.reason, dt.datetime.now(dt.UTC), span=begin_span(caller_span()))
    record.write(task.folder)
    return record


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a gate is measured that only a busy machine keeps from deciding, and how long it is waited between."""

    tries: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class Retraining:
    """One retraining: its stages share a task, a registry to ask at the end, and a console."""

    task: Task
    registry: Registry
    console: Console
    patience: Patience

    def run_all(self, record: Record) -> Record:
        """All stages in order, up to the first that does not pass."""
        for stage in Stage:
            record = self.run_stage(record, stage)
            if record.stages[-1].verdict is not Verdict.PASS:
                break
        return record

    def run_stage(self, record: Record, stage: Stage) -> Record:
        """Run the next stage; the record with its end is on disk.

        Raises:
            RetrainingError: another stage is the next one.
            RegistryError: all stages have passed, and the registry does not say what is in production.
        """
        record.check_next(stage)
        self.console.rule(f"{stage.number}/{len(Stage)} {stage}", align="left")
        with stage_span(stage, None if record.span is None else record.span.span) as span:
            result = self._patient_result(stage, span)
            span.verdict = result.verdict
        record = record.ended(result)
        if record.verdict is Verdict.PASS:
            production = self.registry.version_of(PRODUCTION)
            record = msgspec.structs.replace(record, production=None if production is None else production.version)
        record.write(self.task.folder)
        return record

    def _patient_result(self, stage: Stage, span: StageSpan) -> StageResult:
        result = self._result(stage, span)
        for tried in range(1, self.patience.tries):
            if not (stage is Stage.GATE and was_too_busy(self.task.verdict_path(stage).parent)):
                break
            self.console.print(
                f"The machine is too busy to tell: measuring again in {self.patience.pause_s:g} s, "
                f"{self.patience.tries - tried} times at most.",
                soft_wrap=True,
            )
            time.sleep(self.patience.pause_s)
            result = self._result(stage, span)
        return result

    def _result(self, stage: Stage, span: StageSpan) -> StageResult:
        started_s = time.monotonic()
        command = self.task.command(stage)
        status = run_command(command, span.environment)
        verdict = VERDICT_OF.get(status, Verdict.ERROR)
        reasons = _reasons(self.task.verdict_path(stage), verdict) or (
            f"`python -m {command[0]}` ended with status {status}; its output says more",
        )
        return StageResult(stage, verdict, round(time.monotonic() - started_s, 3), reasons)


def run_command(arguments: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run `python -m ...` on our own console; returns its exit status. An interrupt ends it first.

    `environment` are variables beside our own ones.
    """
    process = subprocess.Popen(
        (sys.executable, "-m", *arguments), stdin=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _reasons(path: Path, verdict: Verdict) -> tuple[str, ...]:
    """What the stage itself says of its end; nothing when it wrote no verdict, or another one."""
    try:
        head = read_verdict(path)
    except VerdictFileError:
        return ()
    return head.reasons if head.verdict is verdict else ()
