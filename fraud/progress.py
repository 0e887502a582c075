"""Progress of named steps, shown to whoever waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import RenderableType
from rich.progress import Progress, TaskID

ShowStep = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and how much there is to do."""


def steps_on(bar: Progress) -> ShowStep:
    """Show each step on a line of its own, from when it is first told of."""
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
        """Show the next step in the place of the one before."""
        self.reset(task, description=step)
        self.update(task, total=seconds)
