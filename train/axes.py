"""A plot's frame, and its way into a PNG: every figure of the project looks alike."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI: Final = 120
SIZE_INCHES: Final = (7.0, 4.8)


def labelled_axes(title: str, x_label: str, y_label: str) -> Axes:
    """Empty axes with a light grid, on a figure of their own."""
    axes = Figure(figsize=SIZE_INCHES, layout="constrained").add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    return axes


def save_png(axes: Axes, target: Path | IO[bytes], dpi: int = DPI) -> None:
    """Write the figure of the axes as PNG."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    figure.savefig(target, dpi=dpi, format="png")
