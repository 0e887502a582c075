"""The latency half as a plot."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gate.latency.report import KindLatency
from bench.gate.plot import Plot
from train.axes import labelled_axes


def latency_ratios(kinds: Sequence[KindLatency]) -> Plot:
    """Candidate over champion for each kind of request, median and p99, with intervals."""
    axes = labelled_axes("Latency, candidate over champion", "ratio, with its interval (1 = as fast)", "")
    for offset, colour, name in ((0.15, "C0", "median"), (-0.15, "C1", "p99")):
        for place, kind in enumerate(reversed(kinds)):
            ratio = kind.p50_ratio if name == "median" else kind.p99_ratio
            axes.plot([ratio.low, ratio.high], [place + offset] * 2, color=colour, label=None if place else name)
            axes.plot(ratio.estimate, place + offset, "o", color=colour)
    axes.axvline(1, color="grey", ls="--")
    axes.set_yticks(range(len(kinds)), [kind.name for kind in reversed(kinds)])
    axes.legend(fontsize="small")
    return Plot.of(axes, "latency", "Latency ratios of median and p99 by kind of request, with intervals")
