"""Recomputes the decisions about logged applications from probability, policy and control draw.

Decisions are not stored. A record names the policy, by number and hash; the policy defines threshold and share; the
draw follows from the key and the application's id. So any claimed decision can be compared with the recomputed one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.control_sample import fingerprint
from fraud.review_policy import SignedPolicy
from serve.audit.errors import AuditError
from serve.audit.review_borders import signed_policy
from serve.policy.decisions import above_threshold, is_reviewed
from serve.scoring.asks import POLICY, policy_on_record

_RECORDS: Final = """
    SELECT received_at, endpoint, request_id, load_test, application_ids, probabilities,
        (SELECT array_agg(features[place * cardinality(features) / cardinality(probabilities)] IS NULL ORDER BY place)
         FROM generate_series(1, cardinality(probabilities)) AS place),
        EXISTS (
            SELECT FROM public.prediction_erasures AS entry
            WHERE (entry.chain_id, entry.sequence, entry.kind) = (request.chain_id, request.sequence, 'request_id')
        )
    FROM public.prediction_requests AS request
    WHERE endpoint LIKE %(named)s AND (%(application)s IS NULL OR application_ids @> ARRAY[%(application)s]::text[])
    ORDER BY received_at, chain_id, sequence
"""
_FETCHED: Final = 1000
"""Records read at a time."""


class Decision(msgspec.Struct, frozen=True):
    """The decision about one row."""

    received_at: dt.datetime
    request_id: str
    load_test: bool
    row_number: int
    application_id: str | None
    policy: str
    probability: float
    threshold: float
    reviewed: bool | None
    """None: the id for the draw was erased."""
    control: bool | None
    """Whether it is in the control sample: reviewed although its probability is below the threshold."""
    looked_at_probability: float
    """Probability of being reviewed: 1 from the threshold on, the control sample's share below."""


class Decisions(msgspec.Struct):
    """Counts of rows, by policy."""

    policy: str
    rows: int = 0
    reviewed: int = 0
    """All reviewed rows, including controls."""
    control: int = 0
    erased: int = 0
    """Below the threshold and erased, so it is unknown whether they were drawn."""


def decisions(
    connection: Connection, policies: Sequence[SignedPolicy], key: bytes | None, application_id: str | None = None
) -> Iterator[Decision]:
    """Every recorded decision, oldest first, or those about one application.

    Raises:
        AuditError: a record names a policy that was not signed by two people, or not in force yet; or the key is not
            the policy's.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor("decisions") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(_RECORDS, {"named": f"%{POLICY}=%", "application": application_id})
        for row in cursor:
            record = _Record(*row)
            name = policy_on_record(record.endpoint)
            if name is None:
                continue
            policy = _checked(name, policies, record, key)
            for decision in _of_record(policy, key or b"", record):
                if application_id in (None, decision.application_id):
                    yield decision


def count(found: Iterator[Decision]) -> list[Decisions]:
    """Counts by policy, in the order of first use."""
    counts: dict[str, Decisions] = {}
    for decision in found:
        one = counts.setdefault(decision.policy, Decisions(decision.policy))
        one.rows += 1
        one.reviewed += decision.reviewed is True
        one.control += decision.control is True
        one.erased += decision.reviewed is None
    return list(counts.values())


class _Record(msgspec.Struct, frozen=True):
    received_at: dt.datetime
    endpoint: str
    request_id: str
    load_test: bool
    application_ids: list[str | None] | None
    probabilities: list[float]
    erased: list[bool]
    renamed: bool
    """Whether its request id was erased since the answer."""


def _checked(name: str, policies: Sequence[SignedPolicy], record: _Record, key: bytes | None) -> SignedPolicy:
    policy = signed_policy(name, policies, record.request_id, record.received_at)
    if policy.terms.control_share > 0 and (key is None or fingerprint(key) != policy.terms.control_key):
        raise AuditError(f"policy {name} draws its control sample with another key: set its REVIEW_CONTROL_KEY")
    return policy


def _of_record(policy: SignedPolicy, key: bytes, record: _Record) -> Iterator[Decision]:
    ids, probabilities = record.application_ids, np.array(record.probabilities, np.float32)
    above = above_threshold(policy, probabilities)
    reviewed = is_reviewed(policy, key, record.request_id, ids, probabilities)
    share = policy.terms.control_share
    for row, probability in enumerate(probabilities.tolist()):
        name = None if ids is None else ids[row]
        drawn_by_what_is_here = not record.erased[row] and (name is not None or not record.renamed)
        is_known = bool(above[row]) or drawn_by_what_is_here or share in {0, 1}
        yield Decision(
            record.received_at,
            record.request_id,
            record.load_test,
            row,
            name,
            policy.id,
            probability,
            policy.terms.threshold,
            bool(reviewed[row]) if is_known else None,
            bool(reviewed[row] and not above[row]) if is_known else None,
            1.0 if above[row] else share,
        )
