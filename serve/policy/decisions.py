"""Decide review or pass from a probability, a policy and the control draw; used by the server and again by auditors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraud.control_sample import drawn
from fraud.review_policy import SignedPolicy


def above_threshold(policy: SignedPolicy, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[N]: whether the policy reviews a row for its probability."""
    return np.asarray(probabilities >= policy.threshold)


def is_reviewed(
    policy: SignedPolicy,
    key: bytes,
    request_id: str,
    application_ids: Sequence[str | None] | None,
    probabilities: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """[N]: whether each recorded row of a request is reviewed, by probability or as a control."""
    reviewed = above_threshold(policy, probabilities)
    share = policy.terms.control_share
    if share > 0:
        below = np.flatnonzero(~reviewed)
        reviewed[below] = drawn(key, share, request_id, application_ids, below)
    return reviewed
