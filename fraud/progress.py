"""Progress of named steps, shown to whoever waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

ShowStep = Callable[[str, int, int], None]
"""Gets the step, how much of it is done, and its total."""


def steps_on(bar: Progress) -> ShowStep:
    """Show each step on its own line, from its first report on."""
    tasks: dict[str, TaskID] = {}

    def show(step: str, done: int, whole: int) -> None:
        if step not in tasks:
            tasks[step] = bar.add_task(step)
        bar.update(tasks[step], completed=done, total=whole)

    return show


class TimedProgress(Progress):
    """A bar for steps of known length: it fills up with the time. A step without one only shows that it goes on."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """What is shown now."""
        for task in self.tasks:
            if task.total is not None:
                task.completed = min(task.total, task.elapsed or 0.0)
        yield from super().get_renderables()

    def begin(self, task: TaskID, step: str, seconds: float | None = None) -> None:
        """Show the next step instead of the previous one."""
        self.reset(task, description=step)
        self.update(task, total=seconds)


LINE_INTERVAL_S: Final = 10.0


class RowProgress:
    """Rows that are done with, their rate, and the time left: a bar on a terminal, elsewhere a line now and then.

    Progress is measured in bytes, since the number of rows is unknown. Work of an earlier run does not count in the
    rate.
    """

    def __init__(self, console: Console, whole: int) -> None:
        """`whole` is the size of the whole work."""
        self._console = console
        self._whole = max(1, whole)
        self._before = self._done = self._rows = 0
        self._began = self._shown_at = time.monotonic()
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=self._whole, told="")

    def __enter__(self) -> RowProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def rows_per_s(self) -> float:
        """Rate of what was done here."""
        return self._rows / max(time.monotonic() - self._began, 1e-9)

    def skip(self, size: int) -> None:
        """This part of the whole was done before."""
        self._before += size
        self._show()

    def add(self, size: int, rows: int) -> None:
        """This much more of the whole is done."""
        self._done += size
        self._rows += rows
        self._show()

    def _show(self) -> None:
        done = self._before + self._done
        told = f"{self._rows:,} rows, {self.rows_per_s:,.0f} rows/s"
        self._bar.update(self._task, completed=done, told=told)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._shown_at >= LINE_INTERVAL_S and self._done:
            self._shown_at = now
            left_s = (now - self._began) * max(0, self._whole - done) / self._done
            self._console.print(f"{done / self._whole:.0%}, {told}, {left_s:.0f} s left", highlight=False)
