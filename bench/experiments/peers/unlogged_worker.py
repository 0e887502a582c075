"""`python -m bench.experiments.peers.unlogged_worker`: a worker that forgets its records; `unlogged` starts it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from fraud.command_line import CommandLine
from serve.app import Parts
from serve.prediction_log.record import PredictionRecord, Promise
from serve.workers import worker


class NoLog:
    """Takes records and forgets them."""

    waits_for_disk = False

    def start(self) -> None:
        """Nothing to start."""

    def append(self, record: PredictionRecord, promise: Promise | None = None) -> None:
        """Nothing is kept."""

    def stop(self) -> None:
        """Nothing to finish."""


_ASSEMBLE: Final = worker.assemble


def assemble_unlogged(*arguments: Any, **options: Any) -> Parts:
    """The worker's parts with another log."""
    return dataclasses.replace(_ASSEMBLE(*arguments, **options), log=NoLog())


if __name__ == "__main__":
    worker.assemble = assemble_unlogged
    CommandLine(worker.work)()
