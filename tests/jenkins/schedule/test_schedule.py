"""Schedules without Jenkins: in time, one at a time, made up for when missed, and stopped without breaking anything."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger

from fraud.verdict import Verdict
from jenkins.schedule.commands import Commands
from jenkins.schedule.memory import Memory
from jenkins.schedule.timetable import Task, coming
from tests.live_stack import project_environment, wait_until

ROOT = Path(__file__).parents[3]
NIGHTLY = CronTrigger.from_crontab("0 1 * * *", timezone=dt.UTC)


def nothing(_: Commands) -> Verdict:
    return Verdict.PASS


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "last.json")


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("last", "now", "following", "missed"),
    [
        pytest.param(None, "2026-05-01T12:00", "2026-05-02T01:00", False, id="never begun: nothing is missed"),
        pytest.param("2026-05-01T01:00", "2026-05-01T12:00", "2026-05-02T01:00", False, id="in time"),
        pytest.param("2026-05-01T01:00", "2026-05-02T12:00", "2026-05-02T12:00", True, id="missed once"),
        pytest.param("2026-05-01T01:00", "2026-05-09T12:00", "2026-05-09T12:00", True, id="missed for a week"),
        pytest.param("2026-05-02T12:00", "2026-05-02T13:00", "2026-05-03T01:00", False, id="made up for"),
    ],
)
def test_a_missed_run_is_made_up_for_once(
    memory: Memory, last: str | None, now: str, following: str, missed: bool
) -> None:
    if last is not None:
        memory.begin("drift-monitor", at(last))
    found = coming(Task("drift-monitor", NIGHTLY, nothing), memory, at(now))
    assert (found.at, found.missed) == (at(following), missed)


@contextmanager
def hurried(folder: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jenkins.schedule.hurried_schedule", str(folder), str(seconds)], cwd=ROOT
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def events(folder: Path) -> list[str]:
    path = folder / "events"
    return path.read_text().splitlines() if path.exists() else []


def test_tasks_come_at_their_times_and_never_two_at_once(tmp_path: Path) -> None:
    with hurried(tmp_path, 0.3) as process:
        wait_until(lambda: events(tmp_path).count("ended 0") >= 4, 30, "four runs")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    happened = events(tmp_path)
    assert happened == ["begins", "ended 0"] * (len(happened) // 2), "a stop waits for what runs"
    assert Memory(tmp_path / "last.json").last("one") is not None
    assert Memory(tmp_path / "last.json").last("other") is not None


def test_a_second_signal_ends_what_runs(tmp_path: Path) -> None:
    with hurried(tmp_path, 600) as process:
        wait_until(lambda: any((tmp_path / "logs").glob("*.log")), 30, "a command runs")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert events(tmp_path) == ["begins", "ended -15"]


def schedule(run_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jenkins.schedule", *arguments],
        env=project_environment(RUN_DIR=str(run_dir), COLUMNS="120", **settings),
        cwd=run_dir,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_schedule_shows_the_next_runs(tmp_path: Path) -> None:
    Memory(tmp_path / "schedule" / "last.json").begin("retrain", at("2020-01-01T03:00"))
    shown = schedule(tmp_path, "--show")
    assert shown.returncode == 0, shown.stderr
    (drift,) = (line for line in shown.stdout.splitlines() if "drift-monitor" in line)
    (monthly,) = (line for line in shown.stdout.splitlines() if "retrain" in line)
    (rewrite,) = (line for line in shown.stdout.splitlines() if "rewrite-erased" in line)
    assert "01:00" in drift
    assert "04:00" in rewrite
    assert "missed" in monthly


def test_a_second_one_of_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-m", "jenkins.schedule"],
        env=project_environment(RUN_DIR=str(tmp_path)),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((tmp_path / "schedule" / "lock").exists, 30, "the first one has the lock")
        second = schedule(tmp_path)
        assert second.returncode == 2
        assert "another `python -m jenkins.schedule` runs" in second.stderr
    finally:
        os.kill(first.pid, signal.SIGINT)
    assert first.wait(20) == 0


@pytest.mark.parametrize("times", ["every night", "0 1 * *", "0 1 * * 0", "0 25 * * *"])
def test_times_that_are_none_are_refused(tmp_path: Path, times: str) -> None:
    refused = schedule(tmp_path, "--show", SCHEDULE_DRIFT=times)
    assert refused.returncode == 2
    assert "SCHEDULE_DRIFT" in refused.stderr
