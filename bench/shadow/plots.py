"""The figures of the comparison, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.gate.plot import Plot
from bench.shadow.figures import WeekFigures
from bench.shadow.result import Comparison
from train.axes import labelled_axes

BARS_WIDTH: Final = 0.4


def probabilities_of_both(compared: Comparison) -> Plot:
    """How many applications have which probability from either model."""
    axes = labelled_axes("Probabilities of both models", "champion", "candidate")
    density, rule = compared.density, compared.rule
    # Few applications beside very many would not be seen: shades are of the logarithm.
    shades = np.log10(np.where(density.counts > 0, density.counts, np.nan))
    axes.pcolormesh(density.borders, density.borders, shades.T, cmap="viridis")
    if rule.champion_threshold <= 1:
        axes.axvline(rule.champion_threshold, color="C3", ls="--", label="reviewed by the champion from here on")
    if rule.candidate_threshold <= 1:
        axes.axhline(rule.candidate_threshold, color="C1", ls="--", label="reviewed by the candidate from here on")
    axes.plot([0, density.borders[-1]], [0, density.borders[-1]], color="grey", lw=0.8)
    axes.legend(fontsize="small", loc="upper left")
    return Plot.of(axes, "probabilities", "Applications by both probabilities; brighter means more")


def decisions_by_week(weeks: Sequence[WeekFigures]) -> Plot:
    """Share of decisions that flip, week by week, in either direction."""
    axes = labelled_axes("Decisions that flip", "week from", "share of its applications")
    places = np.arange(len(weeks))
    to_review = [week.figures.to_review / week.figures.applications for week in weeks]
    to_pass = [week.figures.to_pass / week.figures.applications for week in weeks]
    axes.bar(places - BARS_WIDTH / 2, to_review, BARS_WIDTH, color="C1", label="reviewed only by the candidate")
    axes.bar(places + BARS_WIDTH / 2, to_pass, BARS_WIDTH, color="C0", label="reviewed only by the champion")
    shown = places[:: max(1, len(weeks) // 12)]
    axes.set_xticks(shown, [f"{weeks[place].monday:%d %b}" for place in shown], rotation=45)
    axes.legend(fontsize="small")
    return Plot.of(axes, "flips", "Share of decisions that flip, by week")
