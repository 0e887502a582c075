"""Review policies, each signed by two people: a journal whose entries are chained by hash.

    hash = SHA-256(hash of the entry before | facts of this one)

An entry is a policy, which its author signs by writing it, or the second signature under one. An answer names the
policy that it used by number and hash, so that neither can be changed afterwards without contradicting the record.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from fraud.errors import ProjectError

GENESIS: Final = bytes(32)
"""Stands for the hash before the first entry."""
ID_CHARACTERS: Final = 16
"""Of the hash, in the name of a policy."""


class PolicyError(ProjectError):
    """The journal of policies was changed, or can't be read."""


class Terms(msgspec.Struct, frozen=True):
    """The terms of a policy."""

    valid_from: dt.datetime
    threshold: float
    """A float32: who has this probability or more is reviewed."""
    capacity: float
    """Reviews a week that it was chosen for."""
    case_eur: float
    divorce_eur: float
    max_wrongly_suspected: float | None
    """Couples a week."""
    control_share: float
    """Share of all other applications that are reviewed as well."""
    control_key: str
    """Fingerprint of the key that draws them (`fraud.control_sample`)."""
    model_version: int
    """That it was planned with; it holds for later ones too, whose probabilities are calibrated alike."""
    model_sha256: str

    @property
    def facts(self) -> tuple[int | float | str | None, ...]:
        """What is hashed: one form only of each value, whole numbers of EUR or reviews as floats too."""
        values = msgspec.structs.asdict(self)
        numbers = {name: float(value) for name, value in values.items() if type(value) is int}
        numbers["model_version"] = self.model_version
        return _microseconds(self.valid_from), *list((values | numbers).values())[1:]


class Entry(msgspec.Struct, frozen=True):
    """A policy, or the second signature under one: exactly one of `terms` and `signs` is there."""

    number: int
    entered_at: dt.datetime
    person: str
    terms: Terms | None
    signs: int | None
    hash: bytes = b""

    def expected_hash(self, previous: bytes) -> bytes:
        """The hash that this entry has after the one with hash `previous`."""
        terms = None if self.terms is None else self.terms.facts
        facts = (self.number, _microseconds(self.entered_at), self.person, self.signs, terms)
        return hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()

    @property
    def policy_id(self) -> str:
        """How answers and records name the policy."""
        return f"{self.number}-{self.hash.hex()[:ID_CHARACTERS]}"


class SignedPolicy(msgspec.Struct, frozen=True):
    """A policy with both signatures."""

    id: str
    number: int
    terms: Terms
    author: str
    signer: str
    in_force_from: dt.datetime
    """When it is valid and signed: never before the second signature."""

    @property
    def threshold(self) -> np.float32:
        """As probabilities are."""
        return np.float32(self.terms.threshold)


def next_entry(
    journal: Sequence[Entry],
    person: str,
    entered_at: dt.datetime,
    *,
    terms: Terms | None = None,
    signs: int | None = None,
) -> Entry:
    """The entry after the last one of a journal."""
    number, previous = (journal[-1].number + 1, journal[-1].hash) if journal else (1, GENESIS)
    blank = Entry(number, entered_at, person, terms, signs)
    return msgspec.structs.replace(blank, hash=blank.expected_hash(previous))


def check(journal: Sequence[Entry]) -> None:
    """Do nothing where every entry follows from the one before.

    Raises:
        PolicyError: one does not.
    """
    previous = GENESIS
    for place, entry in enumerate(journal, 1):
        if entry.number != place or entry.hash != entry.expected_hash(previous):
            raise PolicyError(
                f"entry {entry.number} of review_policies is not what was signed: no policy is used until the table is "
                "restored from a backup"
            )
        previous = entry.hash


def signed_policies(journal: Sequence[Entry]) -> tuple[SignedPolicy, ...]:
    """The policies that two people have signed, in the order in which they come in force.

    Raises:
        PolicyError: an entry is not what was signed, or somebody signed alone.
    """
    check(journal)
    proposed = {entry.number: (entry, entry.terms) for entry in journal if entry.terms is not None}
    signed = []
    for signature in journal:
        if signature.signs is None:
            continue
        if signature.signs not in proposed:
            raise PolicyError(f"entry {signature.number} of review_policies signs no policy")
        entry, terms = proposed[signature.signs]
        if entry.person == signature.person:
            raise PolicyError(f"policy {entry.number} has one signature twice: a second person has to sign it")
        begins = max(terms.valid_from, signature.entered_at)
        signed.append(SignedPolicy(entry.policy_id, entry.number, terms, entry.person, signature.person, begins))
    return tuple(sorted(signed, key=lambda policy: (policy.in_force_from, policy.number)))


def in_force(policies: Sequence[SignedPolicy], at: dt.datetime) -> SignedPolicy | None:
    """The policy that came into force last, of those of `signed_policies`; None before the first."""
    begun = [policy for policy in policies if policy.in_force_from <= at]
    return begun[-1] if begun else None


def _microseconds(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
