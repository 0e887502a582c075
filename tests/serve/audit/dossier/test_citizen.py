"""A citizen's dossier: everything about the couple, and nothing of anybody else."""

from __future__ import annotations

import base64
import binascii
import html
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud.features import FEATURE_COUNT, FEATURES
from fraud.languages import LANGUAGES
from fraud.verdict import Verdict
from serve.audit.dossier.checking import Means, check
from serve.audit.dossier.document import Audience, Dossier
from serve.audit.dossier.page import LANGUAGES_OFFERED, WORDS, dossier_page
from serve.audit.dossier.sealing import open_sealed, seal
from serve.cases.case import Act, Ground
from tests.serve.audit.dossier.dossiers import AUDIT_KEY, CARD, OTHERS_ID, add, fill, made
from tests.serve.prediction_log_rows import running_spool, ship_all
from tests.serve.some_cases import add_case, happen

OFFICER, SECOND = "officer.zwart", "supervisor.groen"
WORDS_OF_AN_OFFICER = "their neighbour Mr Paars says"


@pytest.fixture(scope="module")
def log(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("spool")
    fill(module_database, folder)
    return module_database, folder


def written(dossier: Dossier) -> bytes:
    """All that is handed out, what is encoded in it as well."""
    data = seal(dossier, AUDIT_KEY)
    pages = dossier_page(dossier, open_sealed(data).seal.sha256)
    return b"\n".join((data, pages, *_decoded(msgspec.json.decode(data))))


def _decoded(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _decoded(one)
    elif isinstance(value, list):
        for one in value:
            yield from _decoded(one)
    elif isinstance(value, str):
        try:
            yield base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return


def bytes_of(values: Any) -> bytes:
    return np.asarray(values, "<f4").tobytes()


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=12, max_size=40
)


@given(
    name=NAMES, reference=st.binary(min_size=32, max_size=32), value=st.floats(1, 2**30, width=32), first=st.booleans()
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_of_any_other_applicant_is_in_it(
    log: tuple[str, Path], name: str, reference: bytes, value: float, *, first: bool
) -> None:
    application = f"own-{uuid.uuid4().hex}"
    features = np.full((2, FEATURE_COUNT), 7, np.float32)
    features[0 if first else 1] = value
    ids, refs = [name, application], [reference, b"o" * 32]
    request = f"request of another {uuid.uuid4().hex}"
    with running_spool(log[1]) as writer:
        swapped = (ids, refs) if first else (ids[::-1], refs[::-1])
        add(writer, 60, 2, features=features, application_ids=swapped[0], applicant_refs=swapped[1], reasons=None)
        other: dict[str, Any] = {"application_ids": [name], "applicant_refs": [reference], "features": features[:1]}
        add(writer, 61, request_id=request, caller="caller of another", reasons=None, **other)
        add(writer, 62, request_id="an own one", application_ids=[application], reasons=None)
    ship_all(log[1], log[0], AUDIT_KEY)
    told = written(made(*log, Audience.CITIZEN, application=application))
    assert application.encode() in told
    forms = name.encode(), msgspec.json.encode(name)[1:-1], html.escape(name).encode()
    for secret in (*forms, reference, reference.hex().encode()):
        assert secret not in told
    assert base64.b64encode(reference) not in told
    assert bytes_of(features[0 if first else 1]) not in told
    for word in (request, "caller of another"):
        assert word.encode() not in told


def test_a_courts_dossier_has_no_content_of_others(log: tuple[str, Path]) -> None:
    told = written(made(*log))
    assert b"behind-1" in told  # the records between, which the chain's hashes are made from
    assert OTHERS_ID.encode() not in told
    assert base64.b64encode(b"q" * 32) not in told


def test_a_citizen_s_batch_has_no_probability_of_others(log: tuple[str, Path]) -> None:
    batch = made(*log, Audience.COURT).answers[1]
    assert batch.proof.opened is not None
    other = batch.proof.opened.probabilities[4:8]
    own = made(*log, Audience.CITIZEN)
    assert own.answers[1].proof.opened is None
    assert other not in written(own)


def test_no_officer_and_no_threshold_is_named(log: tuple[str, Path]) -> None:
    place = made(*log).answers[0].proof
    case = add_case(log[0], "A", chain_id=place.chain_id, sequence=place.sequence)
    happen(log[0], case.number, OFFICER, Act.TAKEN)
    happen(log[0], case.number, OFFICER, Act.VIEWED_FIRST, WORDS_OF_AN_OFFICER, view="doubtful")
    due = {"due_at": case.due_at, "grounds": [Ground.MODEL, Ground.PAPERS]}
    happen(log[0], case.number, OFFICER, Act.PAPERS_ASKED, WORDS_OF_AN_OFFICER, **due)
    court, citizen = made(*log), made(*log, Audience.CITIZEN)
    for_court, for_citizen = written(court), written(citizen)
    for word in (OFFICER, WORDS_OF_AN_OFFICER, "anna", "bert", CARD):
        assert word.encode() in for_court
        assert word.encode() not in for_citizen
    assert [step.act for step in citizen.steps] == ["opened", "taken", "papers_asked"]
    assert citizen.steps[2].facts == {"grounds": '["model","papers"]'}
    assert WORDS["en"]["acts"]["papers_asked"].encode() in for_citizen
    policy = citizen.answers[0].policy
    assert policy is not None
    assert (policy.threshold, policy.control_share, policy.capacity) == (None, None, None)
    assert (policy.reviewed, policy.at_random) == (True, False)
    assert all(one.probability is None for one in (citizen.answers[0].changes or pytest.fail("none")).found)


def test_counterfactuals_are_disputable_and_confirmed_by_scoring(log: tuple[str, Path]) -> None:
    court = made(*log)
    changes, policy = court.answers[0].changes, court.answers[0].policy
    assert changes is not None
    assert policy is not None
    assert changes.found or changes.why_none
    disputable = {feature.name for feature in FEATURES if feature.disputable}
    for change in changes.found:
        assert change.field in disputable
        assert change.probability is not None
        assert change.probability < (policy.threshold or 0)


@pytest.mark.parametrize("language", LANGUAGES_OFFERED)
def test_the_letter_says_the_role_of_the_model_and_how_to_object(log: tuple[str, Path], language: str) -> None:
    dossier = made(*log, Audience.CITIZEN, language=language)
    page = dossier_page(dossier, "ab" * 32).decode()
    assert f'<html lang="{language}">' in page
    for article in ("86", "15", "22", "77", "16"):
        assert article in page
    for word in ("ab" * 32, LANGUAGES[language].no_cause, *(reason.text for reason in dossier.answers[0].reasons)):
        assert word in page
    assert f"<b>{dossier.application}</b> " in page
    for number, proves in enumerate(("proven_record", "proven_place"), 1):
        answer = f"{WORDS[language]['labels']['answer']} {number}: {WORDS[language][proves]}"
        assert html.escape(answer, quote=False).replace("'", "&#39;") in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("language", LANGUAGES_OFFERED)
def test_every_act_and_ground_has_words(language: str) -> None:
    assert WORDS[language]["acts"].keys() == set(Act)
    assert WORDS[language]["grounds"].keys() == set(Ground)
    assert WORDS[language].keys() == WORDS["en"].keys()
    assert WORDS[language]["labels"].keys() == WORDS["en"]["labels"].keys()


def test_a_citizen_s_file_is_proven_by_the_key_and_else_as_far_as_it_says(log: tuple[str, Path]) -> None:
    data = seal(made(*log, Audience.CITIZEN), AUDIT_KEY)
    assert check(open_sealed(data), Means(AUDIT_KEY)).verdict is Verdict.PASS
    found = check(open_sealed(data), Means())
    assert (found.differs, found.verdict) == ([], Verdict.INCONCLUSIVE)
    assert any("the records in between are about other people" in one for one in found.unproven)


def test_a_citizen_s_file_with_data_of_others_is_refused(log: tuple[str, Path]) -> None:
    court = made(*log)
    data = seal(msgspec.structs.replace(court, audience=Audience.CITIZEN), AUDIT_KEY)
    assert any("records of others" in one for one in check(open_sealed(data), Means(AUDIT_KEY)).differs)
