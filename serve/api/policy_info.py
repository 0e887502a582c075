"""The review policy in force, as `/model-info` shows it to those who run or watch the server."""

from __future__ import annotations

import time
from typing import Final

from pydantic import AwareDatetime, BaseModel, Field

from fraud.api_keys import Role
from serve.access.authentication import Caller
from serve.errors import NoReviewPolicy
from serve.policy.policies import ReviewPolicies

SHOWN_TO: Final = frozenset({Role.READ, Role.OPERATE})
"""Beside probabilities the threshold tells who is in the control sample, and whoever only scores gets probabilities."""
_NS_A_MICROSECOND: Final = 1_000


class PolicyInfo(BaseModel):
    """By what decisions are made. Who has signed it stands in the journal, and is nobody's business here."""

    id: str = Field(description="as decisions and records name it")
    threshold: float = Field(description="probability from which on an application is reviewed")
    capacity: float = Field(description="reviews a week that it was chosen for")
    valid_from: AwareDatetime = Field(description="as its author wrote it")
    in_force_from: AwareDatetime = Field(description="never before its second signature")


def shown_policy(policies: ReviewPolicies, caller: Caller) -> tuple[PolicyInfo | None, str | None]:
    """The policy in force in this process, or why there is none; neither for who may not see it."""
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
