"""What the gate asks of a candidate's quality."""

from __future__ import annotations

from dataclasses import dataclass

from bench.gate.quality.rule import Rule
from fraud.settings.gate import GateVetoes


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """The rule with its figures.

    `level` is the share of equal models that one gate promotes. A gate that looks every month has twelve chances a
    year: simulated, an equal model is promoted in 48% of years at 0.05 (95% interval 33% to 63%) and in 13% at 0.01
    (6% to 26%). Spending 0.05 over the year (0.0043 a month) gave 10% (4% to 23%), hardly less, and finds small gains
    later; an equal model that is promoted costs a change, no quality. So the default is 0.01.
    `python -m bench.gate.quality.power` repeats the simulation; `bench/gate/power.png` shows what the level costs.
    """

    rule: Rule
    level: float
    margin: float
    """Loss of average precision that the rule `noninferior` accepts."""
    minimum_positives: int
    """Fewest rows of each label to judge on."""
    review_capacity: float
    """Share of rows that officers can review."""
    vetoes: GateVetoes
