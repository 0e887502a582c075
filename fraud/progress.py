"""Progress of named steps, shown to whoever waits."""

from __future__ import annotations

from collections.abc import Callable

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
