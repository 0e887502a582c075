"""The review policy of an answer's decision, or else the one in force then, and its consequence for the answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import numpy as np

from fraud.control_sample import fingerprint
from fraud.review_policy import SignedPolicy, in_force
from serve.audit.dossier.document import Audience, PolicyInForce
from serve.audit.review_borders import signed_policy
from serve.policy.decisions import above_threshold, is_reviewed
from serve.prediction_log.frame import StoredRecord
from serve.scoring.asks import policy_on_record

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def policy_of(
    record: StoredRecord, row: int, policies: Sequence[SignedPolicy], key: bytes | None, audience: Audience
) -> PolicyInForce | None:
    """The policy of one answer; None before the first policy. `key` draws the control sample.

    A citizen's dossier says that there is a threshold, on which side of it the answer was and what would have changed
    that, but not the number: the law requires the logic in words that the couple can contest (GDPR, Article 15(1)(h)),
    and anybody who knows the number could try values until they are just below it.

    Raises:
        AuditError: the record names a policy that can't have applied.
    """
    received_at = _EPOCH + dt.timedelta(microseconds=record.facts.received_at)
    name = policy_on_record(record.facts.endpoint)
    if name is not None:
        policy = signed_policy(name, policies, record.facts.request_id, received_at)
    else:
        found = in_force(policies, received_at)
        if found is None:
            return None
        policy = found
    above = bool(above_threshold(policy, record.probabilities)[row])
    reviewed = _is_reviewed(policy, record, row, key, above=above) if name is not None else None
    shown = audience is Audience.COURT
    return PolicyInForce(
        id=policy.id,
        decided=name is not None,
        in_force_from=policy.in_force_from,
        reviewed=reviewed,
        at_random=None if reviewed is None else reviewed and not above,
        threshold=float(policy.threshold) if shown else None,
        control_share=policy.terms.control_share if shown else None,
        capacity=policy.terms.capacity if shown else None,
        author=policy.author if shown else None,
        signer=policy.signer if shown else None,
    )


def _is_reviewed(
    policy: SignedPolicy, record: StoredRecord, row: int, key: bytes | None, *, above: bool
) -> bool | None:
    """Whether a person had to review it; None if the draw can't be recomputed."""
    share = policy.terms.control_share
    if above or share == 0:
        return above
    if key is None or fingerprint(key) != policy.terms.control_key or np.isnan(record.features[row]).all():
        return None
    facts = record.facts
    return bool(is_reviewed(policy, key, facts.request_id, record.application_ids, record.probabilities)[row])
