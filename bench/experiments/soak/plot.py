"""The soak test as one picture: rates, latencies and memory over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bench.experiments.soak.judge import MIB, Seen
from bench.experiments.soak.samples import Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES: Final = (9.0, 9.0)
DPI: Final = 110
BINS: Final = 200
"""Points of a line at most."""


def draw(seen: Seen, path: Path) -> None:
    """Write the PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    rates, latencies, memory = figure.subplots(3, sharex=True)
    _, *parts = seen.parts.values()  # the first has a clock of its own
    width_s = max(1.0, float(parts[-1].due_s.max()) / BINS)
    _draw_rates(rates, parts, width_s)
    _draw_latencies(latencies, parts, width_s)
    for name, series in seen.memory.items():
        memory.plot(series[:, 0], series[:, 1] / MIB, label=name)
    memory.set(xlabel="seconds", ylabel="private memory, MiB", ylim=(0, None))
    for axes in (rates, latencies, memory):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left")
        for part in parts[1:]:
            axes.axvline(float(part.due_s.min()), color="grey", ls="--", lw=1)
    figure.savefig(path, dpi=DPI, format="png")


def _draw_rates(axes: Axes, parts: Sequence[Samples], width_s: float) -> None:
    for status, name, colour in ((200, "answered", "C0"), (503, "refused", "C1")):
        due_s = np.concatenate([part.due_s[part.status == status] for part in parts])
        counts = np.bincount((due_s / width_s).astype(int))
        axes.plot(np.arange(len(counts)) * width_s, counts / width_s, color=colour, label=name)
    axes.set(title="70% of the maximum; the maximum; 200%; 70%; the maximum", ylabel="requests/s", ylim=(0, None))


def _draw_latencies(axes: Axes, parts: Sequence[Samples], width_s: float) -> None:
    due_s, latency_s, status = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("due_s", "latency_s", "status")
    )
    for code, quantile, name in ((200, 0.5, "median"), (200, 0.99, "p99"), (503, 0.99, "p99 to refuse")):
        chosen = status == code
        times, values = _quantile_by_bin(due_s[chosen], latency_s[chosen], quantile, width_s)
        axes.plot(times, 1e3 * values, label=name)
    axes.set(ylabel="latency, ms", yscale="log")


def _quantile_by_bin(
    due_s: NDArray[np.float64], values: NDArray[np.float64], quantile: float, width_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    number = (due_s / width_s).astype(int)
    found = np.unique(number)
    quantiles = [float(np.quantile(values[number == one], quantile)) for one in found]
    return found * width_s, np.array(quantiles)
