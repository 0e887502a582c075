"""What was found, as a Markdown page with a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from train.axes import labelled_axes, save_png

PLOT_SUFFIX: Final = ".png"
OURS: Final = "XGBoost"


@dataclass(frozen=True, slots=True)
class Result:
    """One contender with one setting on all folds, oldest first."""

    name: str
    setting: str
    average_precisions: tuple[float, ...]
    log_losses: tuple[float, ...]
    fit_s: float
    """Time to fit once, mean of the folds."""

    @property
    def average_precision(self) -> float:
        """Mean of the folds."""
        return float(np.mean(self.average_precisions))


def best_of_each(results: Sequence[Result]) -> list[Result]:
    """The setting of highest average precision of each contender, the best contender first."""
    best: dict[str, Result] = {}
    for result in results:
        if result.name not in best or result.average_precision > best[result.name].average_precision:
            best[result.name] = result
    return sorted(best.values(), key=lambda result: -result.average_precision)


def write_page(path: Path, results: Sequence[Result], rows: int, first: str, last: str) -> None:
    """Write the page, and the plot beside it."""
    shown = best_of_each(results)
    ours = next(result for result in shown if result.name == OURS)
    _plot(path.with_suffix(PLOT_SUFFIX), shown)
    lines = [
        f"| {result.name} | {result.setting} | {result.average_precision:.4f} | {_difference(result, ours)} | "
        f"{np.mean(result.log_losses):.4f} | {result.fit_s:.2f} |"
        for result in shown
    ]
    text = [
        "# Other models on the same folds",
        "",
        f"Written by `python -m bench models`. {rows:,} applications from {first} to {last}: without the test part.",
        f"{len(ours.average_precisions)} time-ordered folds of the newest fifth, each fitted on all before it with",
        "weights that halve every 180 days. Of each model the best of three settings is shown. Differences are paired",
        "by fold; +/- is one standard error. Seconds to fit are of a machine that did other work too.",
        "",
        "| model | setting | average precision | beside XGBoost | log loss | fit, s |",
        "|---|---|---:|---:|---:|---:|",
        *lines,
        "",
        f"![average precision on each fold]({path.with_suffix(PLOT_SUFFIX).name})",
        "",
    ]
    path.write_text("\n".join(text), encoding="utf-8")


def _difference(result: Result, ours: Result) -> str:
    if result is ours:
        return "-"
    differences = np.subtract(result.average_precisions, ours.average_precisions)
    error = differences.std(ddof=1) / np.sqrt(differences.size)
    return f"{differences.mean():+.4f} +/- {error:.4f}"


def _plot(path: Path, shown: Sequence[Result]) -> None:
    axes = labelled_axes("Average precision on each fold", "fold, oldest first", "average precision")
    for result in shown:
        places = range(1, len(result.average_precisions) + 1)
        axes.plot(places, result.average_precisions, "o-", label=f"{result.name}, {result.setting}")
    axes.set_xticks(list(range(1, len(shown[0].average_precisions) + 1)))
    axes.legend(fontsize="small")
    save_png(axes, path)
