"""The content of a dossier, as in its file."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec

from serve.audit.dossier.proof import Digest, Proof, Words
from serve.audit.reasons import ToldReason

FORMAT: Final = "dossier-1"


class Audience(StrEnum):
    """The audience of a dossier."""

    CITIZEN = "citizen"
    """For the couple: plain words, and only their own data."""
    COURT = "court"
    """For a court or a supervising authority: everything, including the officers' names."""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason: a feature, its value, and its effect on the score."""

    field: str
    value: float | None
    effect: float
    text: str

    @classmethod
    def of(cls, reason: ToldReason) -> Told:
        """Convert a reason of `serve.audit.reasons`; JSON has no NaN."""
        value = None if math.isnan(reason.value) else reason.value
        return cls(reason.field, value, reason.effect, reason.text)


class OtherValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another value of one fact that the couple can dispute, with which the application would not have been reviewed.
    The version has scored it, all else unchanged.
    """

    field: str
    value: float
    instead_of: float | None
    text: str
    probability: float | None
    """The version's probability for it; omitted for citizens, since it would reveal the threshold."""


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counterfactuals; if there are none, `why_none` says why."""

    found: Sequence[OtherValue]
    why_none: Words


class PolicyInForce(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The review policy of the decision, or else the one in force then."""

    id: str
    decided: bool
    """Whether the request asked for a decision, so that the record names the policy."""
    in_force_from: dt.datetime
    reviewed: bool | None
    """Whether a person had to review it; None if unknown, or if nothing was decided."""
    at_random: bool | None
    """Whether it was drawn into the control sample, regardless of its probability."""
    threshold: float | None
    control_share: float | None
    capacity: float | None
    """Capacity: reviews a week."""
    author: Words
    signer: Words


class GateVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The gate's check that admitted the version to production."""

    report: int
    """Address `/reports/N` in the service."""
    made_at: dt.datetime
    verdict: str
    sha256: Digest
    """SHA-256 of the report's page and facts, as stored."""
    is_unchanged: bool
    reasons: Sequence[str]


class ModelFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model version that answered."""

    name: str
    version: int
    sha256: Digest
    data_cutoff: dt.date
    """First day that is not in its training data."""
    features: Sequence[str]
    gate: GateVerdict | None
    gate_verdict_of_registry: Words
    card_sha256: Digest | None
    card: Words
    """Markdown; in a citizen's dossier only its SHA-256."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An act of a person on the case."""

    case: int
    event: int
    at: dt.datetime
    act: str
    person: Words
    """None in a citizen's dossier."""
    facts: Mapping[str, str]
    content: Mapping[str, str]
    is_erased: bool


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer about the application."""

    erased: bool
    """Whether the data was erased: then only the proof is left."""
    row_number: int
    request_id: Words
    received_at: dt.datetime | None
    recorded_at: dt.datetime | None
    load_test: bool | None
    sent: Mapping[str, float | None] | None
    """Values by feature; None for a missing one."""
    probability: float | None
    model_version: int | None
    model_sha256: Digest | None
    given: Sequence[Told] | None
    """The reasons in the original answer."""
    reasons: Sequence[Told]
    """The largest effects, recomputed from the record and the version."""
    agrees: bool | None
    """Whether they explain the probability, and match the original reasons."""
    why_no_reasons: Words
    changes: Changes | None
    policy: PolicyInForce | None
    model: ModelFacts | None
    proof: Proof


class Dossier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dossier about one application."""

    format: Literal["dossier-1"]
    made_at: dt.datetime
    audience: Audience
    language: str
    application: str | None
    """None if it is known only by its request."""
    answers: Sequence[Answer]
    """The oldest first."""
    left_out: int
    """Number of later answers about the same application, which are left out."""
    steps: Sequence[Step]
    """People's acts, oldest first."""
    has_cases: bool
    """Whether there is a case about it."""
