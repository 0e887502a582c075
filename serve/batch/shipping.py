"""Shipping of records to PostgreSQL: during scoring, and awaited before a run completes."""

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
"""Seconds without any record shipped before giving up; longer than the shipper's statement timeout."""
STOP_S: Final = 30.0
_POLL_S: Final = 0.1


@contextmanager
def shipping(folder: Path) -> Iterator[None]:
    """Ship the spool's records during the block.

    If no server ships them, or once it stops, our own process does; its log goes to a file in `folder`.
    """
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_ship, args=(folder / LOG_FILE, os.getpid()), name="shipper")
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(STOP_S)
        process.kill()  # PostgreSQL is unavailable: the remaining records stay in the spool
        process.join()


def wait_until_shipped(spool: Path, chains: Sequence[uuid.UUID]) -> None:
    """Return once all records of these chains are in PostgreSQL. Call it after their processes have ended.

    Raises:
        RecordError: PostgreSQL has stopped accepting records.
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
                f"all rows are scored, but {left} of their records wait in {spool}, since PostgreSQL accepts none: "
                f"once "
                "it does, run the same command again to write the output"
            )
        time.sleep(_POLL_S)


def _shipped(anchors: Anchors, chain_id: uuid.UUID, end: int) -> int:
    anchor = anchors.of(chain_id)
    return 0 if anchor is None else min(anchor.sequence, end)


def _ship(log: Path, parent: int) -> None:
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return
    os.setsid()  # it lowers its session's priority (`priority.py`), which must not affect the scoring processes
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    from serve.prediction_log.__main__ import main  # noqa: PLC0415

    sys.exit(main())
