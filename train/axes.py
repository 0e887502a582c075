"""A plot's frame, and its way into a PNG: every figure of the project looks alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from fraud.statistics.reliability import ReliabilityGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI: Final = 120
SIZE_INCHES: Final = (7.0, 4.8)


def labelled_axes(title: str, x_label: str, y_label: str) -> Axes:
    """Empty axes with a light grid, on a figure of their own."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    axes = Figure(figsize=SIZE_INCHES, layout="constrained").add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    return axes


def reliability_axes(title: str, models: Mapping[str, Sequence[ReliabilityGroup]]) -> Axes:
    """Observed over predicted share of divorces of one or more models, with 95% intervals."""
    axes = labelled_axes(title, "mean predicted probability", "share that divorced")
    limit = 1.1 * max(max(group.predicted, group.observed.high) for groups in models.values() for group in groups)
    axes.plot([0, limit], [0, limit], color="grey", ls="--", label="perfect calibration")
    for name, groups in models.items():
        observed = [group.observed for group in groups]
        below = [share.estimate - share.low for share in observed]
        above = [share.high - share.estimate for share in observed]
        axes.errorbar(
            [group.predicted for group in groups],
            [share.estimate for share in observed],
            yerr=[below, above],
            fmt="o",
            capsize=3,
            label=name,
        )
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.legend(loc="lower right")
    return axes


def save_png(axes: Axes, target: Path | IO[bytes], dpi: int = DPI) -> None:
    """Write the figure of the axes as PNG."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    figure.savefig(target, dpi=dpi, format="png")
