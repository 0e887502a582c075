"""All curves on one picture, each with its slope and the point where it bends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.experiments.scale.curve import Curve

COLUMNS: Final = 3
PANEL_INCHES: Final = (4.4, 3.2)
DPI: Final = 110


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Write the PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    rows = math.ceil(len(curves) / COLUMNS)
    figure = Figure(figsize=(COLUMNS * PANEL_INCHES[0], rows * PANEL_INCHES[1]), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, curve in zip(panels, curves, strict=False):
        axes.plot(curve.x, curve.y, "o-")
        axes.set(xscale="log", yscale="log", xlabel=curve.x_label, ylabel=curve.y_label)
        axes.set_title(f"{curve.title}\n{told(curve)}", fontsize="small")
        axes.set_xticks(curve.x, labels=[f"{x:,.4g}" for x in curve.x], fontsize="x-small", rotation=30)
        axes.set_xticks([], minor=True)
        axes.grid(alpha=0.3, which="both")
        if curve.bend is not None:
            axes.axvline(curve.bend.at, color="grey", ls="--")
    for axes in panels[len(curves) :]:
        axes.remove()
    figure.savefig(path, dpi=DPI, format="png")


def told(curve: Curve) -> str:
    """Slope and bend in words."""
    if curve.slope is None:
        return "one point"
    bend = curve.bend
    if bend is None:
        return f"slope {curve.slope:.2f}"
    return f"slope {bend.before:.2f}, from {bend.at:,.0f} on {bend.after:.2f}"
