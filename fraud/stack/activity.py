"""Whether a starting process still makes progress, by what the kernel knows of it and its descendants.

A time limit alone cannot tell a slow machine from a hung process: the same start that takes 8 s on an idle machine
takes minutes beside other work. Processor time, disk traffic and log lines can.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
SAMPLE_INTERVAL_S: Final = 1.0
MIN_CPU_SHARE: Final = 0.01
"""A hung service still polls now and then; one that works takes more of a core than this, even on a busy machine."""
MIN_DISK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Work:
    """What a process and its descendants have done so far."""

    cpu_s: float
    disk_bytes: int
    log_bytes: int


def work_of(pid: int, log_path: Path) -> Work:
    """Sum over the process and its descendants; those that have ended count through the parent that awaited them."""
    cpu_s, disk_bytes = 0.0, 0
    for member in _family(pid):
        cpu_s += _cpu_s(member)
        disk_bytes += _disk_bytes(member)
    return Work(cpu_s, disk_bytes, log_path.stat().st_size if log_path.exists() else 0)


class ProgressWatch:
    """Measures for how long a process has made no progress."""

    def __init__(
        self, measure: Callable[[], Work], limit_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`limit_s` is how long a standstill may last; less processor time than 1% of it is no progress."""
        self._measure = measure
        self._min_cpu_s = limit_s * MIN_CPU_SHARE
        self._limit_s = limit_s
        self._clock = clock
        self._sampled_at = self._moved_at = clock()
        self._work = measure()

    def stands_still(self) -> bool:
        """Sample the process, once a second at most; say whether it has stood still for the whole limit."""
        now = self._clock()
        if now - self._sampled_at >= SAMPLE_INTERVAL_S:
            self._sampled_at = now
            work = self._measure()
            if self._is_progress(work):
                self._work, self._moved_at = work, now
        return now - self._moved_at > self._limit_s

    def _is_progress(self, work: Work) -> bool:
        return (
            work.log_bytes != self._work.log_bytes
            or work.cpu_s - self._work.cpu_s >= self._min_cpu_s
            or work.disk_bytes - self._work.disk_bytes >= MIN_DISK_BYTES
        )


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on (proc(5) calls it field 3); empty when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses


def _family(pid: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    family, waiting = set(), [pid]
    while waiting:
        member = waiting.pop()
        family.add(member)
        waiting.extend(child for child in children.get(member, ()) if child not in family)
    return family


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / CLOCK_TICKS  # utime, stime, cutime, cstime


def _disk_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/io").read_text(encoding="ascii")
    except OSError:
        return 0  # ended meanwhile, or another account's
    counters = dict(line.split(": ") for line in text.splitlines())
    return int(counters["read_bytes"]) + int(counters["write_bytes"])
