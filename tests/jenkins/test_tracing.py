"""The stages of a pipeline are one trace, though each is a process of its own."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from fraud.registry import Registry
from fraud.verdict import Verdict
from jenkins.retrain.record import read_record
from jenkins.retrain.run import Patience, Retraining, begin
from jenkins.retrain.stages import Stage, Task
from jenkins.schedule.commands import Commands
from jenkins.tracing import begin_span, caller_span, end_span, stage_span
from tests.collector import Collector, ReceivedSpan, running_collector
from tests.live_stack import project_environment

NOWHERE = Registry("http://127.0.0.1:1", "test", 1)
CALLER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
TRACEPARENT = "00-{}-{}-01".format(*CALLER)
TELL_PARENT = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ.get('TRACEPARENT', ''))"


@dataclass(frozen=True)
class QuickTask(Task):
    """A retraining whose stages pass at once, but for the gate."""

    def command(self, stage: Stage) -> tuple[str, ...]:
        if stage is Stage.GATE:
            return ("tests.no_such_module",)
        return ("timeit", "--number", "1", "pass")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with running_collector() as collector:
        for name, value in collector.settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("TRACEPARENT", raising=False)
        yield collector


def by_name(spans: list[ReceivedSpan]) -> dict[str, ReceivedSpan]:
    return {span.name: span for span in spans}


def retrain(folder: Path) -> None:
    """Each stage by what the one before left in the folder, as Jenkins runs them."""
    task = QuickTask(dt.date(2026, 5, 1), "test", folder)
    begin(task)
    for stage in (Stage.DATA_CHECK, Stage.TRAIN, Stage.PARITY, Stage.GATE):
        Retraining(task, NOWHERE, Console(quiet=True), Patience(1, 0)).run_stage(read_record(folder), stage)
    record = read_record(folder)
    assert record.is_over
    end_span(record.span, "retraining", record.verdict)


def test_stages_of_a_retraining_are_one_trace(collector: Collector, tmp_path: Path) -> None:
    retrain(tmp_path)
    spans = by_name(collector.arrived(5))
    whole = spans.pop("retraining")
    assert list(spans) == ["data-check", "train", "parity", "gate"]
    assert {(span.trace_id, span.parent_id) for span in spans.values()} == {(whole.trace_id, whole.span_id)}
    assert [span.attributes["scoring.verdict"] for span in spans.values()] == ["pass", "pass", "pass", "error"]
    assert [span.is_error for span in spans.values()] == [False, False, False, True]
    assert (whole.parent_id, whole.attributes["scoring.verdict"], whole.is_error) == ("", "error", True)
    assert whole.seconds >= sum(span.seconds for span in spans.values())
    assert whole.resource["service.name"] == "marriage-loan-pipelines"


def test_a_retraining_is_below_the_span_that_started_it(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    begin(Task(dt.date(2026, 5, 1), "test", tmp_path))
    monkeypatch.delenv("TRACEPARENT")
    end_span(read_record(tmp_path).span, "retraining", Verdict.PASS)
    (span,) = collector.arrived(1)
    assert (span.trace_id, span.parent_id) == CALLER


def test_a_malformed_caller_begins_a_new_trace(collector: Collector) -> None:
    end_span(begin_span("00-XYZ"), "check", Verdict.PASS)
    (span,) = collector.arrived(1)
    assert span.parent_id == ""


def test_commands_of_a_scheduled_task_are_told_of_its_span(collector: Collector, tmp_path: Path) -> None:
    (tmp_path / "tell_parent.py").write_text(TELL_PARENT)
    told = tmp_path / "told"
    commands = Commands(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        with commands.task("drift-monitor") as span:
            assert commands.run("tell_parent", str(told)) == 0
            span.verdict = Verdict.FAIL
        (sent,) = collector.arrived(1)
        assert told.read_text() == f"00-{sent.trace_id}-{sent.span_id}-03", "sampled, and of a random trace id"
        assert (sent.name, sent.attributes) == ("drift-monitor", {"scoring.verdict": "fail"})
        assert commands.run("tell_parent", str(told)) == 0
        assert told.read_text() == "", "the task is over"


def test_the_drift_monitor_is_a_span_below_its_caller(collector: Collector, tmp_path: Path) -> None:
    """It can reach no registry, which is an error of its own."""
    environment = project_environment(
        **collector.settings,
        RUN_DIR=str(tmp_path),
        TRACEPARENT=TRACEPARENT,
        DATABASE_URL="postgresql://127.0.0.1:1/x",
        MLFLOW_TRACKING_URI="http://127.0.0.1:1",
    )
    command = [sys.executable, "-m", "jenkins.drift", "claim"]
    assert subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False).returncode == 2
    (span,) = collector.arrived(1)
    assert (span.name, span.trace_id, span.parent_id) == ("drift claim", *CALLER)
    assert (span.attributes, span.is_error) == ({"scoring.verdict": "error"}, True)


def test_a_stage_that_raises_is_an_error(collector: Collector) -> None:
    with pytest.raises(KeyboardInterrupt), stage_span("train", caller_span()):
        raise KeyboardInterrupt
    (span,) = collector.arrived(1)
    assert (span.attributes, span.is_error) == ({"scoring.verdict": "error"}, True)


def test_without_a_collector_there_are_no_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert begin_span(TRACEPARENT) is None
    assert begin(Task(dt.date(2026, 5, 1), "test", tmp_path)).span is None
    with stage_span("train", TRACEPARENT) as span:
        assert span.environment == {}
