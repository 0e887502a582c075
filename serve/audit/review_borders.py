"""Review thresholds of recorded answers: those of the policy that an answer names, or that was in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
import numpy as np

from fraud.review_policy import SignedPolicy, in_force
from serve.audit.errors import AuditError
from serve.scoring.asks import policy_on_record


class Border(msgspec.Struct, frozen=True):
    """Probability at or above which an answer is reviewed."""

    threshold: float
    """A float32."""
    policy: str | None
    """None if the auditor chose the threshold."""


class ReviewBorders:
    """Finds the review threshold of an answer."""

    def __init__(self, policies: Sequence[SignedPolicy], threshold: float | None = None) -> None:
        """Use the policies of `signed_policies`, or one threshold for all answers."""
        self._policies = policies
        self._threshold = None if threshold is None else float(np.float32(threshold))

    def of(self, endpoint: str, request_id: str, received_at: dt.datetime) -> Border | None:
        """The threshold of a request; None before the first policy.

        Raises:
            AuditError: it names a policy that can't have applied.
        """
        if self._threshold is not None:
            return Border(self._threshold, None)
        name = policy_on_record(endpoint)
        if name is not None:
            policy = signed_policy(name, self._policies, request_id, received_at)
        else:
            found = in_force(self._policies, received_at)
            if found is None:
                return None
            policy = found
        return Border(float(policy.threshold), policy.id)


def signed_policy(
    name: str, policies: Sequence[SignedPolicy], request_id: str, received_at: dt.datetime
) -> SignedPolicy:
    """The policy that a record names.

    Raises:
        AuditError: it was not signed by two people, or not in force yet.
    """
    policy = next((one for one in policies if one.id == name), None)
    if policy is None:
        raise AuditError(f"request {request_id} was decided by policy {name}, which is not signed in review_policies")
    if policy.in_force_from > received_at:
        raise AuditError(
            f"request {request_id} came {received_at.isoformat()}, but policy {name} was in force only from "
            f"{policy.in_force_from.isoformat()} on"
        )
    return policy
