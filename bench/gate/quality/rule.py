"""When a difference of average precision is a reason to promote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.gate.quality.comparison import PairedFigure
from fraud.verdict import Verdict


class Rule(StrEnum):
    """What the candidate's average precision must be beside the champion's."""

    SUPERIOR = "superior"
    """Better beyond doubt: the lower bound of the difference is above 0."""
    BETTER = "better"
    """Better on these rows: the difference is above 0. It swaps equal models half of the time."""
    NONINFERIOR = "noninferior"
    """Not worse by more than a margin, beyond doubt: the lower bound is above minus the margin. For a candidate that
    is wanted for another reason, such as fresher data."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    reason: str


def judge(rule: Rule, level: float, margin: float, average_precision: PairedFigure) -> Judgement:
    """Pass or fail by the rule.

    Args:
        rule: what is asked of the candidate.
        level: of the one-sided lower bound.
        margin: loss of average precision that `NONINFERIOR` accepts.
        average_precision: of the pair.
    """
    difference = average_precision.difference
    bound = average_precision.lower_bound(level)
    asked = -margin if rule is Rule.NONINFERIOR else 0.0
    name, found = ("difference", difference.estimate)
    if rule is not Rule.BETTER:
        name, found = (f"one-sided {1 - level:.4g} lower bound", bound)
    passed = found > asked
    return Judgement(
        Verdict.PASS if passed else Verdict.FAIL,
        f"average precision changes by {difference.estimate:+.4f} (95% interval {difference.low:+.4f} to "
        f"{difference.high:+.4f}); rule {rule}: the {name} {found:+.5f} is {'' if passed else 'not '}above {asked:g}",
    )
