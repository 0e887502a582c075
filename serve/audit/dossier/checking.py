"""Checks whether a dossier proves its content, from its file alone, optionally with the key and collected anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fraud.verdict import Verdict
from serve.audit.dossier.checking_chain import check_amendments, check_way
from serve.audit.dossier.checking_record import check_content, check_record
from serve.audit.dossier.document import Answer, Audience
from serve.audit.dossier.proof import Content
from serve.audit.dossier.sealing import SealedDossier
from serve.prediction_log.anchor_key import AnchorKey

NOT_AS_SEALED: Final = "seal: the dossier was changed after it was sealed"
WRONG_SIGNATURE: Final = "seal: it is not signed with this key"
NO_KEY: Final = (
    "reasons computed later, counterfactuals, policy, model card, gate and people's acts rely on the seal, whose "
    "signature was not checked: no key was given"
)
NOT_SIGNED: Final = "seal: the dossier is not signed: it was made without the key, or the signature was removed"


@dataclass(slots=True)
class Checked:
    """The results of a check: sentences that name their places."""

    differs: list[str] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    """What the file alone can't prove, and why."""
    notes: list[str] = field(default_factory=list)
    """Content that no chain covers."""
    is_vouched: bool = False
    """Whether the whole dossier is signed with the service's key."""

    @property
    def verdict(self) -> Verdict:
        """Fail if anything differs; pass if the answers are proven, or if the service signed all of it."""
        if self.differs:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.unproven and not self.is_vouched else Verdict.PASS


@dataclass(frozen=True, slots=True)
class Means:
    """Further evidence for the check beside the file."""

    key: AnchorKey | None = None
    collected: Mapping[UUID, Mapping[int, bytes]] = field(default_factory=dict)
    """By chain and record: hashes anchored elsewhere."""
    annex: Mapping[str, Content] = field(default_factory=dict)
    """By the record's hash: content with all rows."""


def check(sealed: SealedDossier, means: Means) -> Checked:
    """Check a dossier."""
    found = Checked()
    if not sealed.is_unchanged:
        found.differs.append(NOT_AS_SEALED)
    _check_signature(sealed, means.key, found)
    for number, answer in enumerate(sealed.dossier.answers, 1):
        _check_answer(answer, f"answer {number}", sealed.dossier.application, means, found)
    if sealed.dossier.audience is Audience.CITIZEN:
        _check_discretion(sealed, found)
    return found


def _check_signature(sealed: SealedDossier, key: AnchorKey | None, found: Checked) -> None:
    signature = sealed.seal.signature
    if key is None:
        found.notes.append(NO_KEY)
    elif signature is None:
        found.differs.append(NOT_SIGNED)
    elif not key.has_signed_dossier(sealed.content, signature):
        found.differs.append(WRONG_SIGNATURE)
    else:
        found.is_vouched = True
        found.proven.append("the whole dossier was signed with this key")


def _check_answer(answer: Answer, place: str, application: str | None, means: Means, found: Checked) -> None:
    proof = answer.proof
    found.differs += [f"{place}, {one}" for one in check_amendments(proof)]
    if answer.erased:
        _check_erased(answer, place, found)
    else:
        differs, is_record_proven = check_record(answer)
        found.differs += [f"{place}, {one}" for one in differs]
        if is_record_proven:
            found.proven.append(f"{place}: the answer, its time, version and model match the record's hash")
        else:
            found.unproven.append(f"{place}: the answer is not compared with the record's hash: {proof.why_not_opened}")
        differs, is_content_proven = check_content(answer, application, means.annex.get(proof.hash))
        found.differs += [f"{place}, {one}" for one in differs]
        if is_content_proven:
            found.proven.append(f"{place}: the values, the id and the reasons given match the digest")
        else:
            found.unproven.append(f"{place}: the values are not compared with the digest: {proof.why_no_content}")
    way = check_way(proof, means.key, means.collected)
    found.differs += [f"{place}, {one}" for one in way.differs]
    found.proven += [f"{place}: {one}" for one in way.proven]
    found.unproven += [f"{place}: {one}" for one in way.unproven]


def _check_erased(answer: Answer, place: str, found: Checked) -> None:
    kept = (answer.request_id, answer.received_at, answer.sent, answer.probability, answer.given, answer.model)
    proof = answer.proof
    if any(kept) or answer.reasons or proof.opened is not None or proof.content is not None:
        found.differs.append(f"{place}, erased: it still has erased data")
    if not any(entry.kind == "person" and answer.row_number in entry.rows for entry in proof.amendments):
        found.differs.append(f"{place}, erased: the ledger of erasures has no entry of it")
    else:
        found.proven.append(f"{place}: it was erased, and the ledger's entry is unchanged")


def _check_discretion(sealed: SealedDossier, found: Checked) -> None:
    """A citizen's dossier must not have other people's data, nor names of officers."""
    for number, answer in enumerate(sealed.dossier.answers, 1):
        proof, policy = answer.proof, answer.policy
        if proof.links or (proof.row_count > 1 and (proof.opened is not None or proof.content is not None)):
            found.differs.append(f"answer {number}: a citizen's dossier has records of others")
        if policy is not None and (policy.threshold is not None or policy.author or policy.signer):
            found.differs.append(f"answer {number}, policy: a citizen's dossier has content that is not for citizens")
    if any(step.person for step in sealed.dossier.steps):
        found.differs.append("steps: a citizen's dossier names who decided")
