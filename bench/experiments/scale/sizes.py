"""How much is measured: points of each curve, and time for each point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Points of each curve."""

    seconds: float
    """Of load for a point, after a fifth of it as warm-up."""
    batch_rows: tuple[int, ...]
    workers: tuple[int, ...]
    servers: tuple[int, ...]
    rates: tuple[float, ...]
    """Requests/s of the gate's mix while the log drains."""
    trees: tuple[int, ...]
    depths: tuple[int, ...]
    engine_s: float
    """Of scoring for a point."""
    training_rows: tuple[int, ...]
    drift_rows: int
    """Logged applications of the largest check."""
    file_rows: int
    file_workers: int
    file_rounds: int
    """Of which the median counts: a start is as long as some million rows, and is taken off."""


MODERATE: Final = Sizes(
    seconds=5.0,
    batch_rows=(1, 10, 100, 1_000, 10_000),
    workers=(1, 2, 4),
    servers=(1, 2, 3),
    rates=(12.5, 25.0, 50.0, 100.0, 200.0),
    trees=(25, 50, 100, 200, 400, 800),
    depths=(2, 3, 4, 5, 6, 8),
    engine_s=1.5,
    training_rows=(25_000, 50_000, 100_000, 200_000, 400_000, 800_000),
    drift_rows=1_000_000,
    file_rows=20_000_000,
    file_workers=4,
    file_rounds=5,
)

QUICK: Final = Sizes(
    seconds=0.5,
    batch_rows=(1, 100),
    workers=(1,),
    servers=(1, 2),
    rates=(20.0, 40.0),
    trees=(10, 20),
    depths=(2, 3),
    engine_s=0.05,
    training_rows=(2_000, 4_000),
    drift_rows=10_000,
    file_rows=2_000,
    file_workers=1,
    file_rounds=1,
)
