"""Reasons of logged answers: told again from the features and the version, compared with what was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fraud.database import connect
from fraud.features import FEATURE_COUNT, FEATURE_NAMES, FEATURES
from fraud.registry import ModelVersion
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from serve.audit.answering_versions import AnsweringVersion, AnsweringVersions
from serve.audit.erasure import erase
from serve.audit.errors import AuditError
from serve.audit.reasons import ERASED, ExplainedAnswer, Telling, explain_application
from serve.audit.review_borders import ReviewBorders
from serve.audit.told_changes import NO_BORDER, NONE_DOES_IT, NOT_REVIEWED
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.chain import microseconds
from serve.scoring.reasons import explain
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, NOON, add_policy

PERSON = b"p" * 32
WITH, WITHOUT = 3, 2
"""Versions that give reasons, and that give none."""


class Effects:
    """Stands in for a model: the logarithm of each value has a weight, and one that is missing has an effect too."""

    base = -0.25
    weights = np.linspace(-0.05, 0.04, FEATURE_COUNT, dtype=np.float32)
    thresholds = tuple(np.arange(0, 2_000, 10, dtype=np.float32) for _ in range(FEATURE_COUNT))

    def effects(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.where(np.isnan(matrix), 1, np.log1p(np.abs(matrix))) * self.weights
        return found.astype(np.float32)


def probabilities(features: NDArray[np.float32]) -> NDArray[np.float32]:
    log_odds = Effects.base + Effects().effects(features).sum(axis=1, dtype=np.float64)
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


def load(version: int, sha256: str) -> AnsweringVersion | None:
    assert sha256 == bytes(range(32)).hex()
    return AnsweringVersion(Effects(), probabilities) if version == WITH else None  # type: ignore[arg-type]


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Application A in three answers: with reasons, without, and of a version that gives none; B beside it."""
    features = record(rows=2).features.copy()
    features[0, 8] = np.nan
    given = explain(Effects(), WITH, features, 2).on_record()  # type: ignore[arg-type]
    both: dict[str, Any] = {"application_ids": ["A", "B"], "applicant_refs": [PERSON, None], "features": features}
    scored: dict[str, Any] = {"probabilities": probabilities(features)}
    with running_spool(tmp_path) as spool:
        spool.append(record(request_id="1-with", reasons=given, **both, **scored))
        spool.append(record(request_id="2-without", received_at=2**51, **both, **scored))
        spool.append(record(request_id="3-before", received_at=2**52, model_version=WITHOUT, **both, **scored))
    ship_all(tmp_path, database)
    return database


def explained(
    dsn: str, name: str = "A", top: int = 3, language: str = "en", threshold: float | None = None
) -> list[ExplainedAnswer]:
    with connect(dsn) as connection:
        borders = ReviewBorders(signed_policies(read_journal(connection)), threshold)
        return explain_application(connection, name, load, Telling(top, borders, language))


def test_each_answer_about_an_application_is_told_its_reasons(log: str) -> None:
    with_, without, before = sorted(explained(log), key=lambda answer: answer.request_id)
    assert (with_.agrees, without.agrees, before.agrees) == (True, True, None)
    assert with_.base == Effects.base
    assert with_.reasons == without.reasons
    assert [abs(one.effect) for one in with_.reasons] == sorted(
        (abs(one.effect) for one in with_.reasons), reverse=True
    )
    assert (len(with_.reasons), with_.on_record) == (3, with_.reasons[:2])
    assert without.on_record is None
    assert before.reasons == ()
    assert before.why_none == "version 2 was registered without tables of contributions"
    assert explained(log, "nobody's") == []


def test_all_features_can_be_told_in_another_language(log: str) -> None:
    (answer,) = (one for one in explained(log, top=FEATURE_COUNT, language="nl") if one.request_id == "1-with")
    assert {one.field for one in answer.reasons} == set(FEATURE_NAMES)
    assert all("de score" in one.text for one in answer.reasons)
    (missing,) = (one for one in answer.reasons if one.field == "Credit_Bureau")
    assert np.isnan(missing.value)
    assert "niet opgegeven" in missing.text


@pytest.mark.parametrize(
    "change",
    [
        "reasons[2] = reasons[2] + 0.001",
        "reasons[1] = CASE reasons[1] WHEN 5 THEN 4 ELSE 5 END",
        "reasons[1] = 77",
        "reasons = reasons[3:4] || reasons[1:2] || reasons[5:8]",
        "probabilities[1] = probabilities[1] + 0.01",
        "features[2] = 1",
    ],
)
def test_changed_reasons_do_not_agree(log: str, change: str) -> None:
    execute(log, f"UPDATE prediction_requests SET {change} WHERE request_id = '1-with'")  # noqa: S608 - this test's own
    assert {one.request_id: one.agrees for one in explained(log)}["1-with"] is False


def test_erased_answers_lose_their_reasons_and_others_keep_theirs(log: str, tmp_path: Path) -> None:
    before = explained(log, "B")
    with connect(log) as connection:
        erase(connection, Anchors(tmp_path), [PERSON])
    assert explained(log) == []
    assert explained(log, "B") == before
    execute(log, "UPDATE prediction_requests SET application_ids[1] = 'A' WHERE request_id = '1-with'")
    (answer,) = explained(log)
    assert (answer.reasons, answer.on_record, answer.why_none) == ((), None, ERASED)


def test_counterfactuals_use_the_named_threshold(log: str) -> None:
    answer = explained(log, "B", language="nl")[0]
    assert answer.what_would_have_changed_it is not None
    assert answer.what_would_have_changed_it.why_none == NO_BORDER
    threshold = float(np.float32(answer.probability * 0.99))
    (found, *_) = explained(log, "B", threshold=threshold, language="nl")
    told = found.what_would_have_changed_it
    assert told is not None
    assert (told.threshold, told.policy, told.why_none) == (threshold, None, None)
    assert told.changes
    for change in told.changes:
        assert FEATURES[FEATURE_NAMES.index(change.field)].disputable
        assert change.probability < threshold
        assert change.value != change.instead_of
        assert "in plaats van" in change.text


def test_a_named_threshold_is_a_float32_as_probabilities_are(database: str, tmp_path: Path) -> None:
    on_it = {"features": record(rows=1).features, "probabilities": np.array([0.7], np.float32)}
    with running_spool(tmp_path) as spool:
        spool.append(record(1, application_ids=["A"], model_version=WITH, **on_it))
    ship_all(tmp_path, database)
    assert float(np.float32(0.7)) < 0.7
    told = explained(database, threshold=0.7)[0].what_would_have_changed_it
    assert told is not None
    assert told.why_none != NOT_REVIEWED


@pytest.mark.parametrize(("threshold", "why"), [(1.0, NOT_REVIEWED), (0.0, NONE_DOES_IT)])
def test_an_answer_without_counterfactuals_says_so(log: str, threshold: float, why: str) -> None:
    told = explained(log, "B", threshold=threshold)[0].what_would_have_changed_it
    assert told is not None
    assert (told.changes, told.why_none) == ([] if why == NONE_DOES_IT else (), why)


def test_the_policy_that_decided_or_was_in_force_gives_the_threshold(database: str, tmp_path: Path) -> None:
    features = record(rows=1).features
    scored = {"features": features, "probabilities": probabilities(features), "application_ids": ["A"]}
    first = add_policy(database, threshold=0.01)
    later = add_policy(database, valid_from=NOON + 2 * HOUR, threshold=0.02)
    assert first is not None
    assert later is not None
    moments = {"1-before": NOON - HOUR, "2-first": NOON + HOUR, "3-later": NOON + 3 * HOUR, "4-named": NOON + 3 * HOUR}
    with running_spool(tmp_path) as spool:
        for request_id, moment in moments.items():
            # One that was sent before the second policy came into force names the first.
            asked = f"/predict?policy={first.id}" if request_id == "4-named" else "/predict"
            at = microseconds(moment)
            spool.append(record(1, request_id=request_id, received_at=at, endpoint=asked, model_version=WITH, **scored))
    ship_all(tmp_path, database)
    told = {one.request_id: one.what_would_have_changed_it for one in explained(database)}
    policies = {request_id: None if one is None else one.policy for request_id, one in told.items()}
    assert policies == {"1-before": None, "2-first": first.id, "3-later": later.id, "4-named": first.id}


def test_a_policy_that_nobody_signed_is_refused(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(1, application_ids=["A"], endpoint="/predict?policy=9-00", model_version=WITH))
    ship_all(tmp_path, database)
    with pytest.raises(AuditError, match="is not signed in review_policies"):
        explained(database)


class _Registry:
    """A registry that has another model under the number."""

    def model_version(self, version: int) -> ModelVersion:
        found = object.__new__(ModelVersion)
        object.__setattr__(found, "version", version)
        object.__setattr__(found, "sha256", "ab" * 32)
        return found


def test_another_model_under_the_version_s_number_is_refused() -> None:
    versions = AnsweringVersions(_Registry())  # type: ignore[arg-type]
    with pytest.raises(AuditError, match="it is another model"):
        versions(3, "cd" * 32)
