"""What was erased: the dossier says so, and keeps the proof without any data."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.amendment import Amendment
from serve.audit.dossier.checking import Means, check
from serve.audit.dossier.document import Audience
from serve.audit.dossier.page import dossier_page
from serve.audit.dossier.sealing import open_sealed, seal
from serve.audit.erasure import erase
from serve.audit.request_ids import erase_request_ids
from serve.audit.stored_rows import records_of_request
from serve.prediction_log.anchors import Anchors
from tests.serve.audit.dossier.dossiers import AUDIT_KEY, PERSON, fill, made


@pytest.fixture
def erased(database: str, tmp_path: Path) -> tuple[str, Path]:
    fill(database, tmp_path)
    with connect(database) as connection:
        erase(connection, Anchors(tmp_path, AUDIT_KEY), [PERSON])
    return database, tmp_path


@pytest.mark.parametrize("audience", list(Audience))
def test_an_erased_application_keeps_its_proof_and_no_data(erased: tuple[str, Path], audience: Audience) -> None:
    dossier = made(*erased, audience, request="alone")
    (answer,) = dossier.answers
    proof = answer.proof
    assert (answer.erased, answer.sent, answer.probability, answer.request_id, answer.model) == (True, *[None] * 4)
    assert (proof.opened, proof.content, len(proof.hash), proof.sequence) == (None, None, 64, 1)
    assert proof.anchor is not None
    assert [entry.rows for entry in proof.amendments] == [[0]]
    found = check(open_sealed(seal(dossier, AUDIT_KEY)), Means(AUDIT_KEY))
    assert (found.differs, found.verdict) == ([], Verdict.PASS)
    assert "answer 1: it was erased, and the ledger's entry is unchanged" in found.proven
    page = dossier_page(dossier, "ab" * 32).decode()
    assert "erased" in page
    assert "alone" not in page


def test_its_chain_is_still_followed_for_a_court(erased: tuple[str, Path]) -> None:
    found = check(open_sealed(seal(made(*erased, request="alone"), None)), Means())
    assert "answer 1: the chain leads from record 1 to the anchor at record 5" in found.proven


def test_another_entry_of_the_ledger_is_found(erased: tuple[str, Path]) -> None:
    dossier = made(*erased, request="alone")
    (answer,) = dossier.answers
    (entry,) = answer.proof.amendments
    for change in ({"number": 2}, {"erased_at": entry.erased_at + 1}, {"rows": [1]}, {"digest": "00" * 32}):
        proof = msgspec.structs.replace(answer.proof, amendments=[msgspec.structs.replace(entry, **change)])
        other = msgspec.structs.replace(dossier, answers=[msgspec.structs.replace(answer, proof=proof)])
        assert check(open_sealed(seal(other, None)), Means()).verdict is Verdict.FAIL


def test_a_record_whose_request_id_was_erased_is_not_opened(database: str, tmp_path: Path) -> None:
    fill(database, tmp_path)
    with connect(database) as connection:
        amendment = Amendment(connection, Anchors(tmp_path, AUDIT_KEY))
        erase_request_ids(connection, amendment, list(records_of_request(connection, "behind-1")))
        amendment.commit()
    dossier = made(database, tmp_path)
    proof = dossier.answers[0].proof
    assert (proof.links, proof.followed_to) == ((), 5)
    found = check(open_sealed(seal(dossier, AUDIT_KEY)), Means())
    assert (found.differs, found.verdict) == ([], Verdict.INCONCLUSIVE)
