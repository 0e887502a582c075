"""A dossier is checked from its file alone: whatever was changed in it is found."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.dossier.annex import annex_of, read_annex
from serve.audit.dossier.checking import NOT_AS_SEALED, NOT_SIGNED, WRONG_SIGNATURE, Checked, Means, check
from serve.audit.dossier.checking_record import compare_with_content
from serve.audit.dossier.document import Audience, Dossier
from serve.audit.dossier.following import MOST_LINKS, NO_ANCHOR, TOO_FAR
from serve.audit.dossier.sealing import open_sealed, seal
from serve.audit.errors import AuditError
from serve.audit.stored_rows import records_of_request
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.chain import record_hash
from tests.serve.audit.dossier.dossiers import AUDIT_KEY, fill, made
from tests.serve.prediction_log_rows import execute

PROVEN_BY_THE_CHAIN = (
    *("application", "answers.0.row_number", "answers.0.request_id", "answers.0.received_at", "answers.0.recorded_at"),
    *("answers.0.probability", "answers.0.model_version", "answers.0.model_sha256", "answers.0.sent.Client_Income"),
    *("answers.0.sent.Education_Days", "answers.0.given.0.effect", "answers.0.given.1.value", "answers.0.load_test"),
    *("answers.0.model.version", "answers.0.model.sha256", "answers.0.given.0.field", "answers.0.sent.Credit_Bureau"),
    *("answers.0.proof.sequence", "answers.0.proof.chain_id", "answers.0.proof.previous", "answers.0.proof.hash"),
    *("answers.0.proof.content_digest", "answers.0.proof.row_count", "answers.0.proof.followed_to"),
    *("answers.0.proof.opened.facts", "answers.0.proof.opened.probabilities", "answers.0.proof.content.features"),
    *("answers.0.proof.content.salt", "answers.0.proof.content.reasons", "answers.0.proof.content.application_ids.0"),
    *("answers.0.proof.links.0.0", "answers.0.proof.links.0.1", "answers.0.proof.links.2.2"),
    *("answers.0.proof.anchor.sequence", "answers.0.proof.anchor.hash", "answers.0.proof.anchor.chain"),
)
"""What a forger can't change even by sealing the dossier again."""


@pytest.fixture
def log(database: str, tmp_path: Path) -> tuple[str, Path]:
    fill(database, tmp_path)
    return database, tmp_path


def checked(data: bytes, key: AnchorKey | None = AUDIT_KEY, **means: Any) -> Checked:
    return check(open_sealed(data), Means(key, **means))


def verdict_of(data: bytes, key: AnchorKey | None = None) -> Verdict:
    """That of the command, for which a file that is no dossier is an error."""
    try:
        return checked(data, key).verdict
    except AuditError:
        return Verdict.ERROR


def changed(dossier: Dossier, path: str) -> bytes:
    """The dossier with another value at a path, sealed again by who has no key."""
    document = json.loads(msgspec.json.encode(dossier))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = document
    for part in parents:
        place = place[part]
    assert place[last] is not None or last == "Credit_Bureau"
    place[last] = _other(place[last])
    return seal(msgspec.json.decode(json.dumps(document), type=Dossier), None)


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if value is None or isinstance(value, (int, float)):
        return 1 + (value or 0)
    found = re.search("[0-9](?=[^0-9]*$)", value)
    if found is None or re.fullmatch("[A-Za-z0-9+/]+=*", value):
        first = value[0]
        return ("B" if first != "B" else "C") + value[1:] if not first.isdigit() else _turned(first) + value[1:]
    place = found.start()
    return value[:place] + _turned(value[place]) + value[place + 1 :]


def _turned(digit: str) -> str:
    return "1" if digit == "0" else "0"


def test_a_court_can_follow_the_chain_to_the_anchor(log: tuple[str, Path]) -> None:
    found = checked(seal(made(*log), AUDIT_KEY))
    assert (found.differs, found.verdict) == ([], Verdict.PASS)
    assert "answer 1: the chain leads from record 1 to the anchor at record 5" in found.proven
    assert [one for one in found.unproven if one.startswith("answer 1")] == []


def test_a_check_without_the_key_names_what_is_unproven(log: tuple[str, Path]) -> None:
    found = checked(seal(made(*log), AUDIT_KEY), None)
    assert (found.differs, found.verdict) == ([], Verdict.INCONCLUSIVE)
    assert any("nobody vouches for the anchor" in one for one in found.unproven)


def test_an_anchor_collected_elsewhere_stands_in_for_the_key(log: tuple[str, Path]) -> None:
    dossier = made(*log)
    anchor = dossier.answers[0].proof.anchor
    assert anchor is not None
    alone = msgspec.structs.replace(dossier, answers=dossier.answers[:1])

    same = {UUID(anchor.chain): {anchor.sequence: anchor.hash}}
    other = {UUID(anchor.chain): {anchor.sequence: bytes(32)}}
    assert checked(seal(alone, AUDIT_KEY), None, collected=same).verdict is Verdict.PASS
    found = checked(seal(alone, AUDIT_KEY), None, collected=other)
    assert found.verdict is Verdict.FAIL
    assert "another hash was anchored elsewhere" in found.differs[0]


@pytest.mark.parametrize("audience", list(Audience))
@given(choice=st.integers(0, 10**9), digit=st.integers(0, 9))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_changed_digit_is_found(
    files: Callable[[Audience], bytes], audience: Audience, choice: int, digit: int
) -> None:
    data = files(audience)
    places = [found.start() for found in re.finditer(rb"[0-9]", data)]
    place = places[choice % len(places)]
    other = data[:place] + str(digit).encode() + data[place + 1 :]
    expected = {Verdict.FAIL, Verdict.ERROR} if other != data else {Verdict.PASS}
    assert verdict_of(other, AUDIT_KEY) in expected
    is_of_signature = place > data.rindex(b'"signature"')
    assert other == data or is_of_signature or verdict_of(other) in expected


@pytest.fixture(scope="module")
def files(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Audience], bytes]:
    folder = tmp_path_factory.mktemp("spool")
    fill(module_database, folder)
    sealed = {audience: seal(made(module_database, folder, audience), AUDIT_KEY) for audience in Audience}
    return lambda audience: sealed[audience]


@pytest.mark.parametrize("path", PROVEN_BY_THE_CHAIN)
def test_a_chained_value_cannot_be_resealed(files: Callable[[Audience], bytes], path: str) -> None:
    dossier = open_sealed(files(Audience.COURT)).dossier
    try:
        found = checked(changed(dossier, path), None)
    except (AuditError, msgspec.ValidationError):
        return
    assert found.verdict is Verdict.FAIL, path
    assert NOT_AS_SEALED not in found.differs


def test_another_seal_is_found_by_the_key(log: tuple[str, Path]) -> None:
    dossier = made(*log)
    other = AnchorKey(b"another key of these tests, as long as one")
    assert NOT_SIGNED in checked(seal(dossier, None)).differs
    assert WRONG_SIGNATURE in checked(seal(dossier, other)).differs


def test_a_batch_is_opened_by_its_annex_alone(log: tuple[str, Path]) -> None:
    data = seal(made(*log), AUDIT_KEY)
    with connect(log[0]) as connection:
        annex = read_annex(annex_of(records_of_request(connection, "batch")))
    told = "answer 2: the values, the id and the reasons given match the digest"
    assert told not in checked(data).proven
    assert told in checked(data, annex=annex).proven
    (content,) = annex.values()
    other = {name: msgspec.structs.replace(content, salt=bytes(16)) for name in annex}
    assert checked(data, annex=other).verdict is Verdict.FAIL


def test_a_file_may_be_printed_otherwise(log: tuple[str, Path]) -> None:
    data = seal(made(*log), AUDIT_KEY)
    assert checked(msgspec.json.format(data, indent=-1)).verdict is Verdict.PASS
    assert checked(msgspec.json.format(data, indent=4).replace(b"\n", b"\r\n")).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(rb'("probability": ?)', rb"\g<1>0.125, \1", id="a probability of one's own before the answer's"),
        pytest.param(rb"^\{", rb'{"dossier": {}, ', id="a dossier before the dossier"),
        pytest.param(rb'("probability": ?)', rb'"prob\\u0061bility": 0.125, \1', id="the same name in other letters"),
        pytest.param(rb'("probability": ?)[^,]+', rb"\1NaN", id="no number"),
        pytest.param(rb'("probability": ?)[^,]+', rb"\g<1>" + b"9" * 5000, id="a number of 5,000 digits"),
        pytest.param(rb'("probability": ?)[^,]+', rb"\1" + b"[" * 200_000, id="200,000 lists in lists"),
        pytest.param(rb"\s*$", b"{}", id="more behind the end"),
        pytest.param(rb"^", b"\xef\xbb\xbf", id="a byte order mark"),
    ],
)
def test_tricks_of_json_are_no_dossier(files: Callable[[Audience], bytes], old: bytes, new: bytes) -> None:
    data = files(Audience.COURT)
    document, count = re.subn(old, new, data, count=1)
    assert count == 1
    assert document != data
    sealed = re.sub(rb'("sha256": ?")[^"]+("[^"]*"signature")', rb"\g<1>" + _digest(document) + rb"\2", document)
    assert verdict_of(sealed) is Verdict.ERROR


def _digest(document: bytes) -> bytes:
    """The seal that who has no key can make of a changed dossier, where it can be read at all."""
    try:
        content = msgspec.json.decode(msgspec.json.format(document, indent=-1), type=dict[str, msgspec.Raw])["dossier"]
    except (msgspec.MsgspecError, RecursionError):
        return b"0" * 64
    return hashlib.sha256(bytes(content)).hexdigest().encode()


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"a": ' * 200_000, b'{"a": {"salt": ' + b"[" * 200_000])
def test_a_malformed_annex_is_named(data: bytes) -> None:
    with pytest.raises(AuditError, match="not an annex"):
        read_annex(data)


@pytest.mark.parametrize("column", [math.nan, math.inf, -math.inf])
def test_a_reason_of_no_column_differs(files: Callable[[Audience], bytes], column: float) -> None:
    answer = open_sealed(files(Audience.COURT)).dossier.answers[0]
    content = answer.proof.content
    assert content is not None
    reasons = np.frombuffer(content.reasons, "<f4").copy()
    reasons[0] = column
    other = msgspec.structs.replace(content, reasons=reasons.tobytes())
    assert any(one.startswith("given[0]") for one in compare_with_content(answer, None, other))


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"dossier": {}, "seal": {}}'])
def test_a_malformed_dossier_is_named(data: bytes) -> None:
    with pytest.raises(AuditError, match="not a dossier"):
        open_sealed(data)


@pytest.mark.parametrize(
    "change",
    [
        "probabilities[1] = 0.5 WHERE request_id = 'alone'",
        "features[1] = 1 WHERE request_id = 'alone'",
        "caller = 'me' WHERE request_id = 'behind-1'",
        "hash = decode(repeat('00', 32), 'hex') WHERE request_id = 'behind-1'",
        "sequence = 9 WHERE request_id = 'behind-1'",
    ],
)
def test_no_dossier_is_made_of_a_record_that_was_changed(log: tuple[str, Path], change: str) -> None:
    execute(log[0], f"UPDATE prediction_requests SET {change}")  # noqa: S608 - this test's own
    with pytest.raises(AuditError, match="was changed or is missing"):
        made(*log)


def test_without_an_anchor_the_proof_ends_at_the_record(log: tuple[str, Path]) -> None:
    for path in (log[1] / "anchors").iterdir():
        path.unlink()
    found = checked(seal(made(*log), None), None)
    assert (found.differs, found.verdict) == ([], Verdict.INCONCLUSIVE)
    assert f"answer 1: no anchor vouches for the record: {NO_ANCHOR}" in found.unproven


def test_a_chain_is_followed_so_far_and_no_further(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, tmp_path, behind=20)
    monkeypatch.setattr("serve.audit.dossier.following.MOST_LINKS", 10)
    proof = made(database, tmp_path).answers[0].proof
    assert (proof.links, proof.followed_to, proof.why_not_followed) == ((), None, TOO_FAR)
    monkeypatch.setattr("serve.audit.dossier.following.MOST_LINKS", MOST_LINKS)
    monkeypatch.setattr("serve.audit.dossier.following.MOST_LINK_BYTES", 1000)
    data = seal(made(database, tmp_path), AUDIT_KEY)
    assert len(data) < 20_000
    assert checked(data, None).verdict is Verdict.INCONCLUSIVE


def test_the_nearest_anchor_of_elsewhere_is_taken(log: tuple[str, Path], tmp_path: Path) -> None:
    whole = made(*log).answers[1].proof
    link = whole.links[0]
    near = {"sequence": 3, "hash": _hash_after(whole.hash, link), "chain": whole.chain_id.replace("-", "")}
    place = tmp_path / "collected"
    place.write_bytes(msgspec.json.encode(near) + b"\n")
    proof = made(*log, key=None, places=(place,)).answers[1].proof
    assert proof.anchor is not None
    assert (proof.anchor.sequence, len(proof.links), proof.followed_to) == (3, 1, 3)


def _hash_after(previous: str, link: Any) -> bytes:
    return record_hash(bytes.fromhex(previous), link.digest, link.facts, link.probabilities)
