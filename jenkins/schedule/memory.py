"""When each task was last begun, on disk: a run that was missed while nobody was there is made up for, once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from fraud.report.files import write_files
from jenkins.schedule.errors import ScheduleError


class Memory:
    """The times, by the task's name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self, task: str) -> dt.datetime | None:
        """When it was last begun; None when it never was."""
        return self._read().get(task)

    def begin(self, task: str, now: dt.datetime) -> None:
        """Write down that it begins."""
        times = self._read() | {task: now}
        write_files(self._path.parent, {self._path.name: msgspec.json.format(msgspec.json.encode(times)) + b"\n"})

    def _read(self) -> dict[str, dt.datetime]:
        if not self._path.exists():
            return {}
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, dt.datetime])
        except msgspec.MsgspecError as error:
            raise ScheduleError(f"{self._path} can't be read ({error}): delete it") from error
