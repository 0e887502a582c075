"""The figures of a training run, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve
from sklearn.pipeline import Pipeline

from fraud.features import FEATURE_NAMES
from fraud.statistics.reliability import reliability
from train.axes import labelled_axes, reliability_axes, save_png
from train.dataset import Dataset
from train.evaluate import Evaluation
from train.grid import STEP, Trial, best


def precision_recall_plot(
    path: Path, test: Dataset, probabilities: NDArray[np.float32], evaluation: Evaluation
) -> None:
    """Precision over recall on the test part, beside what chance gives and what officers can review."""
    axes = labelled_axes("Precision and recall on the test part", "recall (share of divorces found)", "precision")
    precision, recall, _ = precision_recall_curve(test.y, probabilities)
    axes.step(recall, precision, where="post", label=f"model: average precision {evaluation.average_precision}")
    axes.axhline(evaluation.positive_rate, color="grey", ls="--", label=f"chance: {evaluation.positive_rate:.4f}")
    officers = evaluation.review
    axes.plot(officers.recall, officers.precision, "o", color="C3", label=f"review of {officers.capacity:.0%}")
    # The first few rows make precision jump between 0 and 1; they say nothing.
    beyond = precision[recall >= 0.01]
    axes.set(xlim=(0, 1), ylim=(0, min(1.0, 1.15 * float(beyond.max()))))
    axes.legend()
    save_png(axes, path)


def importance_plot(path: Path, pipeline: Pipeline) -> None:
    """Mean gain of the splits on each feature."""
    gains = pipeline.named_steps[STEP].get_booster().get_score(importance_type="gain")
    by_feature = {name: gains.get(f"f{index}", 0.0) for index, name in enumerate(FEATURE_NAMES)}
    names = sorted(by_feature, key=lambda name: by_feature[name])
    axes = labelled_axes("Importance of the features", "mean gain of a split (reduction of the training loss)", "")
    axes.barh(names, [by_feature[name] for name in names])
    axes.grid(visible=False, axis="y")
    save_png(axes, path)


def reliability_plot(path: Path, test: Dataset, probabilities: NDArray[np.float32]) -> None:
    """Divorce rate over predicted probability, in groups of equal size, with 95% intervals."""
    groups = {"tenths by probability, 95% interval": reliability(test.y, probabilities)}
    save_png(reliability_axes("Calibration on the test part", groups), path)


def grid_plot(path: Path, trials: Sequence[Trial]) -> None:
    """Average precision of every candidate over its number of trees."""
    from matplotlib import color_sequences  # noqa: PLC0415 - takes a second

    chosen = best(trials)
    axes = labelled_axes("Grid search", "trees kept by early stopping", "average precision on validation")
    weights = sorted({trial.candidate.scale_pos_weight for trial in trials})
    depths = sorted({trial.candidate.max_depth for trial in trials})
    for depth, color in zip(depths, color_sequences["tab10"], strict=False):
        for weight, marker in zip(weights, "o^", strict=False):
            shown = [t for t in trials if (t.candidate.max_depth, t.candidate.scale_pos_weight) == (depth, weight)]
            label = f"depth {depth}, weight of positives {weight:.1f}"
            heights = [t.average_precision for t in shown]
            axes.plot([t.trees for t in shown], heights, ls="", marker=marker, color=color, label=label)
    axes.plot(chosen.trees, chosen.average_precision, "o", ms=14, mfc="none", mec="black", label="chosen")
    axes.legend(fontsize="small")
    save_png(axes, path)
