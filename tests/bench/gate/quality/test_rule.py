"""What each rule makes of a difference."""

from __future__ import annotations

import numpy as np
import pytest

from bench.gate.quality.comparison import PairedFigure
from bench.gate.quality.rule import Rule, judge
from fraud.verdict import Verdict

LEVEL = 0.01
MARGIN = 0.005


def spread_around(difference: float) -> PairedFigure:
    """A difference whose resamples lie evenly within 0.004 around it: its lower bound is 0.00392 below it."""
    champion = np.full(2001, 0.3)
    return PairedFigure(0.3, 0.3 + difference, champion, champion + difference + np.linspace(-0.004, 0.004, 2001))


@pytest.mark.parametrize(
    ("rule", "difference", "passes"),
    [
        pytest.param(Rule.SUPERIOR, 0.0045, True, id="superior: better beyond doubt"),
        pytest.param(Rule.SUPERIOR, 0.0035, False, id="superior: perhaps not better"),
        pytest.param(Rule.SUPERIOR, 0.0, False, id="superior: equal"),
        pytest.param(Rule.BETTER, 0.0001, True, id="better: by however little"),
        pytest.param(Rule.BETTER, 0.0, False, id="better: equal is not"),
        pytest.param(Rule.NONINFERIOR, -0.0005, True, id="noninferior: worse by less than the margin, beyond doubt"),
        pytest.param(Rule.NONINFERIOR, -0.002, False, id="noninferior: perhaps worse by more"),
        pytest.param(Rule.NONINFERIOR, 0.0, True, id="noninferior: equal"),
    ],
)
def test_rules(rule: Rule, difference: float, passes: bool) -> None:
    judgement = judge(rule, LEVEL, MARGIN, spread_around(difference))
    assert judgement.verdict is (Verdict.PASS if passes else Verdict.FAIL)
    assert f"rule {rule}" in judgement.reason
    assert ("is above" in judgement.reason) is passes


def test_a_stricter_level_asks_for_more() -> None:
    figure = spread_around(0.0037)
    assert judge(Rule.SUPERIOR, 0.05, MARGIN, figure).verdict is Verdict.PASS
    assert judge(Rule.SUPERIOR, 0.01, MARGIN, figure).verdict is Verdict.FAIL
