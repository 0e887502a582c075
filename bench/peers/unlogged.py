"""`python -m bench.peers.unlogged`: our worker as it is, but nothing of what it answers is recorded.

For measuring what the prediction log costs; there is no setting for it, because no deployment may have it off.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from serve.app import Parts
from serve.prediction_log.record import PredictionRecord
from serve.workers import worker
from serve.workers.control import channel_pair


class NoLog:
    """Takes records and forgets them."""

    waiting_rows = 0

    def start(self) -> None:
        """Nothing to start."""

    def append(self, record: PredictionRecord) -> None:
        """Nothing is kept."""

    def stop(self, _timeout_s: float) -> int:
        """Nothing waits."""
        return 0


def serve_unlogged(
    host: Annotated[str, typer.Option(help="Address to listen on.")],
    port: Annotated[int, typer.Option(help="Port to listen on.")],
) -> None:
    """Run one worker without its supervisor and without its log."""
    assemble = worker.assemble

    def assemble_unlogged(*arguments: Any, **options: Any) -> Parts:
        return dataclasses.replace(assemble(*arguments, **options), log=NoLog())

    _supervisor, control = channel_pair()
    worker.assemble = assemble_unlogged
    worker.work(host, port, threads=1, control=control.detach())


if __name__ == "__main__":
    typer.run(serve_unlogged)
