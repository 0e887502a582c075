"""The review policy in force, for every request that asks for a decision."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraud.control_sample import fingerprint
from fraud.review_policy import PolicyError, SignedPolicy, in_force, signed_policies
from serve.errors import NoReviewPolicy
from serve.local_file import Version
from serve.policy.decisions import is_reviewed
from serve.policy.journal_file import JournalFile

logger = logging.getLogger(__name__)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class ReviewPolicies:
    """Decides by the local copy of the journal, which is read again after each replacement."""

    def __init__(self, journal: JournalFile, control_key: bytes | None) -> None:
        self._journal = journal
        self._key = control_key or b""
        self._fingerprint = None if control_key is None else fingerprint(control_key)
        self._read: Version = None
        self._policies: tuple[SignedPolicy, ...] = ()
        self._fault: str | None = None

    def in_force(self, received_at: int) -> SignedPolicy:
        """The policy in force at a time, in microseconds since 1970 (UTC).

        Raises:
            NoReviewPolicy: there is none, or this server can't apply it.
        """
        self._read_anew()
        if self._fault is not None:
            raise NoReviewPolicy(f"no decision can be made: {self._fault}")
        policy = in_force(self._policies, _EPOCH + dt.timedelta(microseconds=received_at))
        if policy is None:
            raise NoReviewPolicy(
                "no review policy is in force: propose one with `python -m bench plan adopt`, and have a second person "
                "sign it"
            )
        if policy.terms.control_share > 0 and policy.terms.control_key != self._fingerprint:
            raise NoReviewPolicy(
                f"policy {policy.id} draws its control sample with another key than this server's REVIEW_CONTROL_KEY: "
                f"give the server that key, or adopt a policy with this one"
            )
        return policy

    def decide(
        self,
        policy: SignedPolicy,
        request_id: str,
        application_ids: Sequence[str | None] | None,
        probabilities: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Decide which rows of a request are reviewed."""
        return is_reviewed(policy, self._key, request_id, application_ids, probabilities)

    def _read_anew(self) -> None:
        version = self._journal.version()
        if version == self._read:
            return
        try:
            self._policies, self._fault = signed_policies(self._journal.read()), None
        except PolicyError as error:
            logger.error("%s", error)
            self._fault = str(error)
        self._read = version
