"""How far a verification is, said from time to time on standard error, and kept on the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from serve.audit.checkpoint import Checkpoint, write_checkpoint
from serve.prediction_log.anchor_key import AnchorKey

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0


class VerifyProgress:
    """Told after each step; says and keeps something every `INTERVAL_S` only."""

    def __init__(self, spool: Path, key: AnchorKey | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """With a `key`, what is kept is signed."""
        self._spool = spool
        self._key = key
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._said_at = self._kept_at = clock()

    def show(self, done: int, whole: int) -> None:
        """So many records are verified of about so many."""
        now = self._clock()
        if self._first is None:
            self._first = now, done
        if now - self._said_at < INTERVAL_S:
            return
        self._said_at = now
        typer.echo(progress_line(done, whole, done - self._first[1], now - self._first[0]), err=True)

    def keep(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Write down how far the verification has come."""
        now = self._clock()
        if now - self._kept_at < INTERVAL_S:
            return
        self._kept_at = now
        try:
            write_checkpoint(self._spool, checkpoint(), self._key)
        except OSError as error:
            logger.warning("a verification that is broken off now can't go on where it stood: %s", error)


def going_on_line(begun: Checkpoint) -> str:
    """What is said of the checkpoint: an earlier one that was put back is signed as well, and has another time."""
    records = begun.records + begun.open_chain.records
    return f"going on with what began at {begun.began_at:%Y-%m-%d %H:%M:%S} UTC: {records:,} records are verified"


def progress_line(done: int, whole: int, lately: int, seconds: float) -> str:
    """What is said: how many, how fast, and for how long still; `lately` records took so many seconds."""
    said = f"verified {done:,} of about {max(done, whole):,} records"
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
