"""The real server, but each scoring request takes a given share longer than it would.

`python slowed_server.py SHARE` stands for `python -m serve`; its workers run this file too.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import serve.__main__
from fraud.command_line import CommandLine
from serve.answer import Answer
from serve.scoring.request import ScoringRequest
from serve.scoring.scoring import Scoring
from serve.workers.supervisor import worker_command
from serve.workers.worker import work

SCRIPT = str(Path(__file__).resolve())


def slowed_command(share: float) -> tuple[str, ...]:
    """What starts the server, each of whose answers takes `share` longer."""
    return (sys.executable, SCRIPT, str(share))


def slow_down(share: float) -> None:
    """Make this process one that answers late; it is busy meanwhile, as a slow model would be."""
    answer = Scoring.answer

    def slow_answer(self: Scoring, request: ScoringRequest) -> Answer:
        answered = answer(self, request)
        end = time.perf_counter() + share * request.seconds
        while time.perf_counter() < end:
            pass
        return answered

    Scoring.answer = slow_answer  # type: ignore[method-assign]


def main() -> None:
    share = sys.argv.pop(1)
    if "--control" in sys.argv:
        slow_down(float(share))
        CommandLine(work)()
        return

    def slowed_worker(host: str, port: int, threads: int, workers: int, desk: Path | None = None) -> tuple[str, ...]:
        _, _, _, *arguments = worker_command(host, port, threads, workers, desk)
        return (*slowed_command(float(share)), *arguments)

    setattr(serve.__main__, "worker_command", slowed_worker)  # noqa: B010 - the module imports it, and exports it not
    CommandLine(serve.__main__.serve)()


if __name__ == "__main__":
    main()
