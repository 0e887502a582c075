"""`python -m jenkins.schedule.once TASK`: one task now, for another scheduler, such as Kubernetes' CronJobs.

Such a scheduler knows two ends: success, and a failure that it may repeat. A finding is no failure, and what a
repetition can't change is not to be repeated; so verdicts become exit statuses here.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer

from fraud.command import INTERRUPTS
from fraud.command_line import CommandLine
from fraud.verdict import Verdict
from jenkins.schedule.commands import Commands
from jenkins.schedule.tasks import DRIFT, RETRAIN, REWRITE, monthly, rewrite_erased, watch_drift

logger = logging.getLogger(__name__)


class TaskName(StrEnum):
    """What the schedules do."""

    DRIFT = DRIFT
    RETRAIN = RETRAIN
    REWRITE = REWRITE


@dataclass(frozen=True, slots=True)
class _Work:
    do: Callable[[Commands], Verdict]
    good_ends: frozenset[Verdict]
    """Nothing for a person to do because of the task; what it found is in its reports and in the server's metrics."""


_FINDINGS: Final = frozenset({Verdict.PASS, Verdict.FAIL})
_WORK: Final = {
    # With too few applications to tell, the check of the next day looks again.
    TaskName.DRIFT: _Work(watch_drift, _FINDINGS | {Verdict.INCONCLUSIVE}),
    TaskName.RETRAIN: _Work(monthly, _FINDINGS),
    TaskName.REWRITE: _Work(rewrite_erased, _FINDINGS),
}


def exit_status(task: TaskName, verdict: Verdict) -> int:
    """0 where the task did what it is for; else the verdict's own: 20 and 30 come again when repeated, 2 may not."""
    return 0 if verdict in _WORK[task].good_ends else verdict.exit_status


def main(task: Annotated[TaskName, typer.Argument(help="What to do.")]) -> None:
    """Run one of the schedule's tasks now, then end.

    Exit status: 0 done, whatever was found; 20 inconclusive; 30 data-quality fault; 2 error, worth another try.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    commands = Commands(None)

    def stop(_signal: int, _frame: object) -> None:
        # A second request ends the running command. The task still does its own clean-up.
        commands.stop()
        commands.stop()

    for interrupt in INTERRUPTS:
        signal.signal(interrupt, stop)
    with commands.task(task) as span:
        verdict = span.verdict = _WORK[task].do(commands)
    logger.info("%s: %s", task, verdict)
    sys.exit(exit_status(task, verdict))


if __name__ == "__main__":
    CommandLine(main)()
