"""Which PostgreSQL server runs over a data folder: read from its lock file, and from what the processes really are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCK_FILE: Final = "postmaster.pid"
PROGRAM: Final = "postgres"
PID_LINE: Final = 0
STATUS_LINE: Final = 7
READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the lock file says. It stays after a crash, and by then its number may be another program's."""

    pid: int
    is_ready: bool


def read_lock_file(data_dir: Path) -> Postmaster | None:
    """None when there is no lock file, or only the beginning of one."""
    try:
        lines = (data_dir / LOCK_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        pid = int(lines[PID_LINE])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return Postmaster(pid, len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == READY)


def servers_of(data_dir: Path) -> set[int]:
    """Processes of PostgreSQL that work in this very folder, whatever path they know it by."""
    folder = data_dir.stat()
    return {int(process.name) for process in Path("/proc").iterdir() if _works_in(process, folder)}


def _works_in(process: Path, folder: os.stat_result) -> bool:
    try:
        is_server = process.name.isdigit() and (process / "comm").read_text(encoding="utf-8").strip() == PROGRAM
        return is_server and os.path.samestat((process / "cwd").stat(), folder)
    except OSError:
        return False  # it has just ended, or is a stranger's, which we may not look into
