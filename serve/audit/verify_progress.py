"""Progress of a verification: periodically printed to standard error, and saved to disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from fraud.counted import counted
from serve.audit.checkpoint import Checkpoint, write_checkpoint
from serve.prediction_log.anchor_key import AnchorKey

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0


class VerifyProgress:
    """Called after each step; prints and saves only every `INTERVAL_S`."""

    def __init__(self, spool: Path, key: AnchorKey | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """With a `key`, checkpoints are signed."""
        self._spool = spool
        self._key = key
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._said_at = self._kept_at = clock()

    def show(self, done: int, whole: int) -> None:
        """Show the number of verified records, and the estimated total."""
        now = self._clock()
        if self._first is None:
            self._first = now, done
        if now - self._said_at < INTERVAL_S:
            return
        self._said_at = now
        typer.echo(progress_line(done, whole, done - self._first[1], now - self._first[0]), err=True)

    def keep(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Save a checkpoint."""
        now = self._clock()
        if now - self._kept_at < INTERVAL_S:
            return
        self._kept_at = now
        try:
            write_checkpoint(self._spool, checkpoint(), self._key)
        except OSError as error:
            logger.warning(
                "the checkpoint can't be saved, so the verification can't be resumed if it is interrupted: %s", error
            )


def going_on_line(begun: Checkpoint) -> str:
    """The message about the checkpoint, with its time: an older one that was restored has a valid signature too, but
    another time.
    """
    verified = counted(begun.records + begun.open_chain.records, "record")
    return f"resuming the verification begun at {begun.began_at:%Y-%m-%d %H:%M:%S} UTC: {verified} verified"


def progress_line(done: int, whole: int, lately: int, seconds: float) -> str:
    """The progress message: count, rate and time left; the last `lately` records took `seconds`."""
    said = f"verified {done:,} of about {counted(max(done, whole), 'record')}"
    if lately <= 0 or seconds <= 0:
        return said
    rate = lately / seconds
    left_s = round(max(0, whole - done) / rate)
    left = (
        f"{left_s // 3600} h {left_s % 3600 // 60:02} min"
        if left_s >= 3600
        else f"{left_s // 60} min {left_s % 60:02} s"
    )
    return f"{said}, {rate:,.0f}/s, {left} left"
