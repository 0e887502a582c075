"""The figures of the comparison, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from bench.gate.plot import Plot
from bench.gate.quality.comparison import PairedFigure
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.rule import Rule
from bench.gate.quality.slices import SliceReport
from fraud.statistics.reliability import ReliabilityGroup
from train.axes import labelled_axes, reliability_axes
from train.dataset import Dataset

COLOURS: Final = {"champion": "C0", "candidate": "C1"}
STEADY_RECALL: Final = 0.01
"""Below it a few rows make precision jump between 0 and 1."""


def precision_recall(rows: Dataset, models: Mapping[str, NDArray[np.float32]]) -> Plot:
    """Precision over recall of each model's probabilities [N] of the rows, beside chance."""
    axes = labelled_axes("Precision and recall", "recall (share of divorces found)", "precision")
    rate, top = rows.positive_rate, 0.0
    for name, probabilities in models.items():
        precision, recall, _ = precision_recall_curve(rows.y, probabilities, sample_weight=rows.weights)
        steady = recall >= STEADY_RECALL
        axes.step(recall[steady], precision[steady], where="post", color=COLOURS[name], label=name)
        top = max(top, float(precision[steady].max()))
    axes.axhline(rate, color="grey", ls="--", label=f"chance: {rate:.4f}")
    axes.set(xlim=(0, 1), ylim=(0, min(1.0, 1.1 * top)))
    axes.legend()
    return Plot.of(axes, "precision_recall", f"Precision over recall of {' and '.join(models)}")


def differences(average_precision: PairedFigure, lower_bound: float, policy: QualityPolicy) -> Plot:
    """How the difference of average precision is spread over the resamples, with what the rule asks."""
    axes = labelled_axes(
        "Difference of average precision, candidate minus champion", "difference", "share of resamples a bin"
    )
    spread = average_precision.differences
    axes.hist(spread, bins=50, weights=np.full(spread.size, 1 / spread.size), color=COLOURS["candidate"], alpha=0.5)
    asked = -policy.margin if policy.rule is Rule.NONINFERIOR else 0.0
    axes.axvline(asked, color="black", label=f"required by the rule: above {asked:g}")
    axes.axvline(average_precision.difference.estimate, color=COLOURS["candidate"], label="estimate")
    axes.axvline(lower_bound, color="C3", ls="--", label=f"one-sided {1 - policy.level:.4g} lower bound")
    axes.legend(fontsize="small")
    return Plot.of(axes, "difference", "Bootstrap distribution of the difference of average precision")


def calibration(models: Mapping[str, Sequence[ReliabilityGroup]]) -> Plot:
    """Observed over predicted share of divorces, in tenths of the rows."""
    axes = reliability_axes("Reliability, in tenths of the rows by probability", models)
    return Plot.of(axes, "reliability", f"Reliability of {' and '.join(models)} with 95% intervals")


def slices(reports: Sequence[SliceReport]) -> Plot:
    """Difference of average precision in each slice that has enough rows."""
    axes = labelled_axes("Difference of average precision by slice", "candidate minus champion, 95% interval", "")
    shown = [(report, report.difference) for report in reversed(reports) if report.difference is not None]
    for place, (_, difference) in enumerate(shown):
        axes.plot([difference.low, difference.high], [place, place], color=COLOURS["candidate"])
        axes.plot(difference.estimate, place, "o", color=COLOURS["candidate"])
    axes.axvline(0, color="grey", ls="--")
    axes.set_yticks(range(len(shown)), [f"{report.name} ({report.rows:,} rows)" for report, _ in shown])
    return Plot.of(axes, "slices", "Difference of average precision by group, with 95% intervals")
