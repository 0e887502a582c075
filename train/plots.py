"""The figures of a training run, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve
from xgboost import XGBClassifier

from fraud.features import FEATURE_NAMES
from fraud.statistics.reliability import reliability
from train.axes import labelled_axes, reliability_axes, save_png
from train.dataset import Dataset
from train.evaluate import Evaluation
from train.fitting import CrossFitted
from train.search import Trial, best


def precision_recall_plot(
    path: Path, test: Dataset, probabilities: NDArray[np.float32], evaluation: Evaluation
) -> None:
    """Precision over recall of the judged twin on the test part, with the levels of chance and of the review."""
    axes = labelled_axes(
        "Precision and recall of the judged twin on the test part", "recall (share of divorces found)", "precision"
    )
    precision, recall, _ = precision_recall_curve(test.y, probabilities, sample_weight=test.weights)
    axes.step(recall, precision, where="post", label=f"judged twin: average precision {evaluation.average_precision}")
    axes.axhline(evaluation.positive_rate, color="grey", ls="--", label=f"chance: {evaluation.positive_rate:.4f}")
    officers = evaluation.review
    axes.plot(officers.recall, officers.precision, "o", color="C3", label=f"review of {officers.capacity:.0%}")
    # The first few rows make precision jump between 0 and 1; they say nothing.
    beyond = precision[recall >= 0.01]
    axes.set(xlim=(0, 1), ylim=(0, min(1.0, 1.15 * float(beyond.max()))))
    axes.legend()
    save_png(axes, path)


def importance_plot(path: Path, classifier: XGBClassifier) -> None:
    """Mean gain of the shipped model's splits on each feature."""
    gains = classifier.get_booster().get_score(importance_type="gain")
    by_feature = {name: gains.get(f"f{index}", 0.0) for index, name in enumerate(FEATURE_NAMES)}
    names = sorted(by_feature, key=lambda name: by_feature[name])
    axes = labelled_axes("Importance of the features", "mean gain of a split (reduction of the training loss)", "")
    axes.barh(names, [by_feature[name] for name in names])
    axes.grid(visible=False, axis="y")
    save_png(axes, path)


def reliability_plot(path: Path, cross_fitted: CrossFitted) -> None:
    """Divorce rate over predicted probability, in groups of equal size, with 95% intervals."""
    recent = cross_fitted.recent
    found = reliability(recent.y, cross_fitted.probabilities, weights=recent.weights)
    groups = {"tenths by probability, 95% interval": found}
    save_png(reliability_axes("Calibration of the shipped model, cross-fitted on the newest fifth", groups), path)


def search_plot(path: Path, trials: Sequence[Trial]) -> None:
    """Mean average precision of every recipe over its leaves; pruned ones know only the newest folds."""
    from matplotlib import color_sequences  # noqa: PLC0415 - takes a second

    chosen = best(trials)
    axes = labelled_axes("Search", "leaves that the trees can have", "average precision, mean over the folds")
    half_lives = sorted({trial.recipe.half_life_days or 0.0 for trial in trials})
    for half_life, color in zip(half_lives, color_sequences["tab10"], strict=False):
        for pruned, marker in ((False, "o"), (True, "x")):
            shown = [t for t in trials if (t.recipe.half_life_days or 0.0, t.pruned) == (half_life, pruned)]
            name = f"half-life {half_life:g} days" if half_life else "all applications weigh the same"
            axes.plot(
                [trial.recipe.leaves for trial in shown],
                [trial.average_precision for trial in shown],
                ls="",
                marker=marker,
                color=color,
                label=f"{name}, newest folds only" if pruned else name,
            )
    axes.plot(chosen.recipe.leaves, chosen.average_precision, "o", ms=14, mfc="none", mec="black", label="chosen")
    axes.legend(fontsize="small")
    save_png(axes, path)
