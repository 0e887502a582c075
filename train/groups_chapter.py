"""The model card's chapter on whom the model suspects, and what leaving a protected feature out would cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fraud.group_report import FIGURES, GroupReport, shown_figure, shown_worst
from fraud.statistics.group_fairness import GroupFairness
from train.price_list import Price

SHOWN_CROSSINGS: Final = 8
"""Crossings of two groups in the card, those that are wrongly reviewed most; the file has all of them."""
GROUPS_FILE: Final = "groups.json"
"""Beside the card: the whole report."""


def groups_chapter(report: GroupReport, prices: Sequence[Price], excluded: Sequence[str]) -> str:
    """The chapter as Markdown."""
    found = [f"**{sentence}**" for sentence in report.findings]
    left_out = ", ".join(f"`{name}`" for name in excluded) or "no feature"
    shown, left = _shown(report)
    more = f"{left} further crossings are in `{GROUPS_FILE}`." if left else ""
    return "\n".join(
        (
            "## Who is suspected",
            "",
            f"The judged twin on the {report.rows:,} applications of the test part, when the {report.reviewed:,} of",
            f"highest probability are reviewed ({report.capacity:.0%}). Trees split on all features but: {left_out}.",
            "",
            *(line for sentence in found for line in (sentence, "")),
            'Each figure with its 95% interval; after the x its ratio to that of all other applicants. "Wrongly',
            'reviewed" is the share of those without a divorce who are reviewed; a calibration below 1 says that less',
            f"happened than was predicted. {more}".rstrip(),
            "",
            f"| group | rows | divorces | {' | '.join(FIGURES.values())} |",
            f"|---|---:|---:|{'---|' * len(FIGURES)}",
            *(_line(group) for group in shown),
            "",
            "### The price of leaving out a protected feature",
            "",
            "The twin's recipe fitted again with other features, on the test part. The worst group is the one, none of",
            "the small ones, for which a figure is surest to be high; shown is its ratio to all other applicants.",
            "`EXCLUDED_FEATURES` leaves features out.",
            "",
            "| features | average precision | share reviewed, worst group | wrongly reviewed, worst group |",
            "|---|---:|---|---|",
            *(
                f"| {price.features} | {price.average_precision:.4f} | {shown_worst(price.selection_ratio)} "
                f"| {shown_worst(price.fpr_ratio)} |"
                for price in prices
            ),
        )
    )


def _shown(report: GroupReport) -> tuple[list[GroupFairness], int]:
    """The groups of one attribute and the worst crossings, and how many crossings are left."""
    single = [group for group in report.groups if not group.is_crossing]
    crossed = [group for group in report.groups if group.is_crossing]
    crossed.sort(key=_least_fpr_ratio, reverse=True)
    return [*single, *crossed[:SHOWN_CROSSINGS]], len(crossed[SHOWN_CROSSINGS:])


def _least_fpr_ratio(group: GroupFairness) -> float:
    figure = group.false_positive_rate
    return -1.0 if figure is None or figure.ratio is None else figure.ratio.low


def _line(group: GroupFairness) -> str:
    # A value of an attribute may hold whatever its file had.
    name = group.name.replace("|", "\\|") + (" (small)" if group.is_small else "")
    figures = " | ".join(shown_figure(group, figure) for figure in FIGURES)
    return f"| {name} | {group.rows:,} | {group.positives or 0:,} | {figures} |"
