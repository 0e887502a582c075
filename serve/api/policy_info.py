"""The review policy in force, as `/model-info` shows it to operators and readers."""

from __future__ import annotations

import time
from typing import Final

from pydantic import AwareDatetime, BaseModel, Field

from fraud.api_keys import Role
from serve.access.authentication import Caller
from serve.errors import NoReviewPolicy
from serve.policy.policies import ReviewPolicies

SHOWN_TO: Final = frozenset({Role.READ, Role.OPERATE})
"""Roles that may see the policy. Clients that score don't: from a probability and the threshold they could tell who is
in the control sample.
"""
_NS_A_MICROSECOND: Final = 1_000


class PolicyInfo(BaseModel):
    """The review policy of decisions. Its signatures are in the journal, and are not shown here."""

    id: str = Field(description="id in decisions and records")
    threshold: float = Field(description="probability at or above which an application is reviewed")
    capacity: float = Field(description="reviews a week for which the threshold was chosen")
    valid_from: AwareDatetime = Field(description="start as its author wrote it")
    in_force_from: AwareDatetime = Field(description="actual start, never before the second signature")


def shown_policy(policies: ReviewPolicies, caller: Caller) -> tuple[PolicyInfo | None, str | None]:
    """The policy in force in this process, or why there is none; (None, None) for callers who may not see it."""
    if SHOWN_TO.isdisjoint(caller.roles):
        return None, None
    try:
        policy = policies.in_force(time.time_ns() // _NS_A_MICROSECOND)
    except NoReviewPolicy as error:
        return None, str(error)
    return PolicyInfo(
        id=policy.id,
        threshold=float(policy.threshold),
        capacity=policy.terms.capacity,
        valid_from=policy.terms.valid_from,
        in_force_from=policy.in_force_from,
    ), None
