"""Records on their way to PostgreSQL: shipped while files are scored, and awaited before a run is complete."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fraud.stack.child import end_with_parent
from serve.batch.errors import RecordError
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.place import recorded_up_to

LOG_FILE: Final = "shipper.log"
PATIENCE_S: Final = 60.0
"""Without a record that comes to PostgreSQL; longer than a statement of the shipper may take."""
STOP_S: Final = 30.0
_POLL_S: Final = 0.1


@contextmanager
def shipping(folder: Path) -> Iterator[None]:
    """Have what is in the spool shipped during the block.

    A process of our own does it where no server does, or from when that one stops; its log lines go to a file in
    `folder`.
    """
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_ship, args=(folder / LOG_FILE, os.getpid()), name="shipper")
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(STOP_S)
        process.kill()  # PostgreSQL is away: the spool keeps what is left
        process.join()


def wait_until_shipped(spool: Path, chains: Sequence[uuid.UUID]) -> None:
    """Return once all that was recorded in these chains is in PostgreSQL. Their processes have ended.

    Raises:
        RecordError: nothing comes there any more.
    """
    ends = {chain_id: recorded_up_to(spool, chain_id) for chain_id in chains}
    anchors = Anchors(spool)
    waiting, deadline = sum(ends.values()) + 1, 0.0
    while True:
        left = sum(end - _shipped(anchors, chain_id, end) for chain_id, end in ends.items())
        if not left:
            return
        if left < waiting:
            waiting, deadline = left, time.monotonic() + PATIENCE_S
        elif time.monotonic() > deadline:
            raise RecordError(
                f"all rows are scored, and {left} records of them wait in {spool}, since PostgreSQL takes none: once "
                "it does, give the same command again to have the output made"
            )
        time.sleep(_POLL_S)


def _shipped(anchors: Anchors, chain_id: uuid.UUID, end: int) -> int:
    anchor = anchors.of(chain_id)
    return 0 if anchor is None else min(anchor.sequence, end)


def _ship(log: Path, parent: int) -> None:
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    os.setsid()  # it gives way with its whole session (`priority.py`), which must not be that of those who score
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    from serve.prediction_log.__main__ import main  # noqa: PLC0415

    sys.exit(main())
