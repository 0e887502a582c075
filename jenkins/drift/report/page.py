"""The check as one HTML page, which can be read where a CI server's content policy refuses scripts and styles.

Its drawings are SVG inside the page, coloured by attributes, with each bar's figures in its tooltip.
"""

from __future__ import annotations

from typing import Final

from fraud.report.page import page_environment
from fraud.verdict import Verdict
from jenkins.drift.report.histogram import histogram
from jenkins.drift.report.timeline import timeline
from jenkins.drift.result import DriftResult, VariableDrift

WORD: Final = {
    Verdict.PASS: "no drift",
    Verdict.FAIL: "drift",
    Verdict.INCONCLUSIVE: "too few to tell",
    Verdict.ERROR: "error",
    Verdict.DATA_QUALITY_FAULT: "data-quality fault",
}

MEANING: Final = {
    Verdict.PASS: "Applicants are like those that the model was trained on. No action is needed.",
    Verdict.FAIL: "Applicants have changed since the model was trained. A new model should be trained.",
    Verdict.INCONCLUSIVE: "There are too few applications to tell whether applicants have changed.",
    Verdict.ERROR: "The check could not run, so nothing is known about the applicants.",
    Verdict.DATA_QUALITY_FAULT: (
        "The data can't be right. Check their feed first; a model trained on them would learn the fault."
    ),
}

DRIFT_BESIDE_A_FAULT: Final = "drift, and a data-quality fault"
MEANING_OF_BOTH: Final = (
    "Applicants have changed, and the values of a feature may be a fault of the feed: the reasons have the evidence "
    "for each. Nothing is trained until somebody decides whether the feed is right."
)

SMALLEST_P_VALUE: Final = 1e-4


def headline(result: DriftResult) -> str:
    """The verdict in plain words."""
    return DRIFT_BESIDE_A_FAULT if result.is_drift_beside_a_fault else WORD[result.verdict]


def html_page(result: DriftResult) -> str:
    """The page."""
    environment = page_environment("jenkins.drift.report")
    environment.filters |= {"percent": _percent, "p_value": _p_value, "thousands": _thousands, "moment": _moment}
    return environment.get_template("page.html").render(
        result=result,
        word=WORD,
        headline=headline(result),
        meaning=MEANING_OF_BOTH if result.is_drift_beside_a_fault else MEANING[result.verdict],
        strange=_strange,
        histogram=histogram,
        timeline=timeline,
    )


def _strange(variable: VariableDrift) -> str:
    """Shares of rare values now, and of the reference where it has some."""
    shown = [
        f"{_percent(change.current_share)} {change.kind}"
        + (f" ({_percent(change.reference_share)})" if change.reference_share else "")
        for change in variable.rare
        if change.current_share or change.reference_share
    ]
    return ", ".join(shown) or "-"


def _percent(share: float) -> str:
    return f"{share:.2%}" if 0 < share < 0.1 else f"{share:.1%}"


def _p_value(p_value: float) -> str:
    return f"< {SMALLEST_P_VALUE:.4f}" if p_value < SMALLEST_P_VALUE else f"{p_value:.4f}"


def _thousands(count: int) -> str:
    return f"{count:,}"


def _moment(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"
