"""`python -m tests.jenkins.schedule.hurried_schedule FOLDER SECONDS`: a timetable whose task comes twice a second, and
whose command takes so many seconds. What a test starts and stops; everything but the times is the real thing."""

from __future__ import annotations

import logging
from pathlib import Path

from apscheduler.triggers.interval import IntervalTrigger

from fraud.command_line import CommandLine
from fraud.verdict import Verdict
from jenkins.schedule.__main__ import _work
from jenkins.schedule.commands import Commands
from jenkins.schedule.memory import Memory
from jenkins.schedule.timetable import Task


def main(folder: Path, seconds: float) -> None:
    """Work off a timetable whose two tasks come twice a second, and whose command takes so many seconds."""

    def work(commands: Commands) -> Verdict:
        with (folder / "events").open("a") as events:
            events.write("begins\n")
            events.flush()
            status = commands.run("timeit", "-n1", "-r1", f"import time; time.sleep({seconds})")
            events.write(f"ended {status}\n")
        return Verdict.PASS

    logging.basicConfig(level=logging.WARNING)
    tasks = tuple(Task(name, IntervalTrigger(seconds=0.5), work) for name in ("one", "other"))
    _work(tasks, Commands(folder / "logs"), Memory(folder / "last.json"))


if __name__ == "__main__":
    CommandLine(main)()
