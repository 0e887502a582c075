"""A start is given up when nothing moves, and never because it is slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fraud.stack.activity import ProgressWatch, Work, work_of

LIMIT_S = 100.0
IDLE = Work(0.0, 0, 0)


class Process:
    """What a process has done, as a test says; with a clock of its own."""

    def __init__(self) -> None:
        self.work = IDLE
        self.now_s = 0.0
        self.watch = ProgressWatch(lambda: self.work, LIMIT_S, lambda: self.now_s)

    def stands_still_after(self, seconds: float, work: Work) -> bool:
        self.now_s += seconds
        self.work = work
        return self.watch.stands_still()


def test_slow_start_is_waited_for_without_end() -> None:
    process = Process()
    cpu_s = 0.0
    for _ in range(1_000):
        cpu_s += 1.0  # a tenth of a core
        assert not process.stands_still_after(10.0, Work(cpu_s, 0, 0))


def test_standstill_ends_the_wait_after_the_limit() -> None:
    process = Process()
    assert not process.stands_still_after(LIMIT_S, IDLE)
    assert process.stands_still_after(1.0, IDLE)


def test_polling_is_no_progress() -> None:
    process = Process()
    cpu_s, ticks = 0.0, 0
    while not process.stands_still_after(1.0, Work(cpu_s, 0, 0)):
        cpu_s += 0.005
        ticks += 1
    assert ticks == LIMIT_S


def test_each_kind_of_work_is_progress() -> None:
    for moved in (Work(1.0, 0, 0), Work(0.0, 1 << 20, 0), Work(0.0, 0, 1)):
        process = Process()
        assert not process.stands_still_after(LIMIT_S - 1, moved)
        assert not process.stands_still_after(LIMIT_S - 1, moved), "the limit counts from the last progress"
        assert process.stands_still_after(2.0, moved)


def test_work_includes_that_of_descendants(tmp_path: Path) -> None:
    busy = "while True: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    log = tmp_path / "log"
    log.write_text("12345")
    with subprocess.Popen([sys.executable, "-c", parent], start_new_session=True) as process:
        try:
            cpu_s = 0.0
            while cpu_s < 0.5:
                cpu_s = work_of(process.pid, log).cpu_s
            assert work_of(process.pid, log).log_bytes == 5
        finally:
            os.killpg(process.pid, 9)
