"""One measured curve, its slope on logarithmic axes, and the point where it bends."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

LEAST_BEND: Final = 0.2
"""Least change of slope that is called a bend."""
EXPLAINED: Final = 0.5
"""Least share of the straight line's squared errors that a bend has to explain."""


class Bend(msgspec.Struct, frozen=True):
    """Where two straight lines fit better than one."""

    at: float
    before: float
    """Slope below it."""
    after: float
    """Slope above it."""


class Curve(msgspec.Struct, frozen=True):
    """y over x, both positive."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    """Rising."""
    y: tuple[float, ...]

    @property
    def slope(self) -> float | None:
        """Of log y over log x by least squares: 1 is in proportion, 0 is flat; None of a single point."""
        if len(self.x) < 2:
            return None
        return float(np.polyfit(np.log(self.x), np.log(self.y), 1)[0])

    @property
    def bend(self) -> Bend | None:
        """The measured point at which two connected lines fit best; None where one line is as good, or of three points
        or fewer, which always bend.
        """
        if len(self.x) < 4:
            return None
        log_x, log_y = np.log(self.x), np.log(self.y)
        straight, _ = _fit(np.column_stack([np.ones_like(log_x), log_x]), log_y)
        best: tuple[float, Bend] | None = None
        for knot, at in zip(log_x[1:-1], self.x[1:-1], strict=True):
            error, (_, slope, change) = _fit(
                np.column_stack([np.ones_like(log_x), log_x, np.maximum(log_x - knot, 0)]), log_y
            )
            if best is None or error < best[0]:
                best = error, Bend(at, float(slope), float(slope + change))
        if best is None or best[0] > (1 - EXPLAINED) * straight:
            return None
        return best[1] if abs(best[1].after - best[1].before) >= LEAST_BEND else None

    def as_dict(self) -> dict[str, object]:
        """For JSON, with slope and bend."""
        return msgspec.structs.asdict(self) | {"slope": self.slope, "bend": self.bend}


def _fit(columns: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, NDArray[np.floating]]:
    """Sum of squared errors, and the coefficients."""
    coefficients = np.linalg.lstsq(columns, y)[0]
    return float(np.square(columns @ coefficients - y).sum()), coefficients
