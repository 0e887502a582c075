"""What a dossier says, as it is in its file."""

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
    """For whom a dossier is."""

    CITIZEN = "citizen"
    """For the couple: plain words, and nothing that is not theirs."""
    COURT = "court"
    """For a court or a supervising authority: everything, and the names of those who decided."""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason: the feature, its value, and what it did to the score."""

    field: str
    value: float | None
    effect: float
    text: str

    @classmethod
    def of(cls, reason: ToldReason) -> Told:
        """As `serve.audit.reasons` tells it; JSON has no NaN."""
        value = None if math.isnan(reason.value) else reason.value
        return cls(reason.field, value, reason.effect, reason.text)


class OtherValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another value of one fact that the couple can dispute, with which the application would not have been reviewed.

    The version has scored it, all else as it was.
    """

    field: str
    value: float
    instead_of: float | None
    text: str
    probability: float | None
    """That the version gives then; not told to citizens, whom it would tell the threshold."""


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would have changed the outcome; where there is nothing, `why_none` says why."""

    found: Sequence[OtherValue]
    why_none: Words


class PolicyInForce(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The review policy that the answer was decided by, or that was in force then."""

    id: str
    decided: bool
    """Whether the request asked for a decision, so that the record names the policy."""
    in_force_from: dt.datetime
    reviewed: bool | None
    """Whether a person had to look at it; None where nobody can tell any more, or nothing was decided."""
    at_random: bool | None
    """Whether it was drawn into the control sample, whatever its probability."""
    threshold: float | None
    control_share: float | None
    capacity: float | None
    """Reviews a week."""
    author: Words
    signer: Words


class GateVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The check that let the version into production."""

    report: int
    """`/reports/N` of the service."""
    made_at: dt.datetime
    verdict: str
    sha256: Digest
    """Of the report's page and facts, as stored."""
    is_unchanged: bool
    reasons: Sequence[str]


class ModelFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that answered."""

    name: str
    version: int
    sha256: Digest
    data_cutoff: dt.date
    """Applications from this day on were unknown to it."""
    features: Sequence[str]
    gate: GateVerdict | None
    gate_verdict_of_registry: Words
    card_sha256: Digest | None
    card: Words
    """Markdown; in a citizen's dossier its SHA-256 only."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a person did with the case."""

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
    """Whether what was sent was erased: then only the proof is left."""
    row_number: int
    request_id: Words
    received_at: dt.datetime | None
    recorded_at: dt.datetime | None
    load_test: bool | None
    sent: Mapping[str, float | None] | None
    """By feature; None for a value that was not given."""
    probability: float | None
    model_version: int | None
    model_sha256: Digest | None
    given: Sequence[Told] | None
    """Reasons that the answer itself gave."""
    reasons: Sequence[Told]
    """The weightiest, computed again from the record and the version."""
    agrees: bool | None
    """Whether they explain the probability, and are those that were given."""
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
    """None where it is known by its request only."""
    answers: Sequence[Answer]
    """The oldest first."""
    left_out: int
    """Later answers about the same application."""
    steps: Sequence[Step]
    """What people did, the oldest first."""
    has_cases: bool
    """Whether there is a case about it, which people had to look at."""
