"""Whom each model would have reviewed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.review_policy import SignedPolicy
from fraud.statistics.review import review_border

Decisions = NDArray[np.bool_]
"""[N]: True where an application is reviewed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """From which probability on each model has an application reviewed."""

    policy_id: str | None
    """The review policy in force; None: there is none, and each model reviews the same share."""
    capacity: float | None
    """That share; None where a policy is in force."""
    champion_threshold: float
    candidate_threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class BothDecisions:
    """What each model decides of N applications."""

    champion: Decisions
    candidate: Decisions

    @property
    def to_review(self) -> Decisions:
        """[N]: reviewed by the candidate alone."""
        return self.candidate & ~self.champion

    @property
    def to_pass(self) -> Decisions:
        """[N]: reviewed by the champion alone."""
        return self.champion & ~self.candidate


def decide(
    champion: NDArray[np.float32], candidate: NDArray[np.float32], policy: SignedPolicy | None, capacity: float
) -> tuple[Rule, BothDecisions]:
    """Decide by the policy, which holds for any calibrated model, or by the share that officers can review.

    Rows tied at the border of a share are all reviewed.
    """
    if policy is None:
        champion_border, candidate_border = (review_border(scores, capacity) for scores in (champion, candidate))
    else:
        champion_border = candidate_border = policy.threshold
    rule = Rule(
        policy_id=None if policy is None else policy.id,
        capacity=capacity if policy is None else None,
        champion_threshold=float(champion_border),
        candidate_threshold=float(candidate_border),
    )
    return rule, BothDecisions(champion >= champion_border, candidate >= candidate_border)
