"""Reasons of logged answers: told again from the features and the version, compared with what was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fraud.database import connect
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.registry import ModelVersion
from serve.audit.erasure import erase
from serve.audit.errors import AuditError
from serve.audit.reasons import ERASED, ExplainedAnswer, explain_application
from serve.audit.version_contributions import VersionContributions
from serve.engine.contributions import Contributions
from serve.prediction_log.anchors import Anchors
from serve.scoring.reasons import explain
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all

PERSON = b"p" * 32
WITH, WITHOUT = 3, 2
"""Versions that give reasons, and that give none."""


class Effects:
    """Stands in for a model: the logarithm of each value has a weight, and one that is missing has an effect too."""

    base = -0.25
    weights = np.linspace(-0.05, 0.04, FEATURE_COUNT, dtype=np.float32)

    def effects(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.where(np.isnan(matrix), 1, np.log1p(np.abs(matrix))) * self.weights
        return found.astype(np.float32)


def probabilities(features: NDArray[np.float32]) -> NDArray[np.float32]:
    log_odds = Effects.base + Effects().effects(features).sum(axis=1, dtype=np.float64)
    return (1 / (1 + np.exp(-log_odds))).astype(np.float32)


def load(version: int, sha256: str) -> Contributions | None:
    assert sha256 == bytes(range(32)).hex()
    return Effects() if version == WITH else None  # type: ignore[return-value]


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Application A in three answers: with reasons, without, and of a version that gives none; B beside it."""
    features = record(rows=2).features.copy()
    features[0, 8] = np.nan
    given = explain(Effects(), WITH, features, 2).on_record()  # type: ignore[arg-type]
    both = {"application_ids": ["A", "B"], "applicant_refs": [PERSON, None], "features": features}
    scored = {"probabilities": probabilities(features)}
    with running_spool(tmp_path) as spool:
        spool.append(record(request_id="1-with", reasons=given, **both, **scored))
        spool.append(record(request_id="2-without", received_at=2**51, **both, **scored))
        spool.append(record(request_id="3-before", received_at=2**52, model_version=WITHOUT, **both, **scored))
    ship_all(tmp_path, database)
    return database


def explained(dsn: str, name: str = "A", top: int = 3, language: str = "en") -> list[ExplainedAnswer]:
    with connect(dsn) as connection:
        return explain_application(connection, name, load, top, language)


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
    assert before.why_none == "version 2 was registered without what gives reasons"
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
def test_what_was_changed_since_does_not_agree(log: str, change: str) -> None:
    execute(log, f"UPDATE prediction_requests SET {change} WHERE request_id = '1-with'")  # noqa: S608 - this test's own
    assert {one.request_id: one.agrees for one in explained(log)}["1-with"] is False


def test_what_was_erased_has_no_reasons_and_others_keep_theirs(log: str, tmp_path: Path) -> None:
    before = explained(log, "B")
    with connect(log) as connection:
        erase(connection, Anchors(tmp_path), [PERSON])
    assert explained(log) == []
    assert explained(log, "B") == before
    execute(log, "UPDATE prediction_requests SET application_ids[1] = 'A' WHERE request_id = '1-with'")
    (answer,) = explained(log)
    assert (answer.reasons, answer.on_record, answer.why_none) == ((), None, ERASED)


class _Registry:
    """A registry that has another model under the number."""

    def model_version(self, version: int) -> ModelVersion:
        found = object.__new__(ModelVersion)
        object.__setattr__(found, "version", version)
        object.__setattr__(found, "sha256", "ab" * 32)
        return found


def test_another_model_under_the_version_s_number_is_refused() -> None:
    contributions = VersionContributions(_Registry())  # type: ignore[arg-type]
    with pytest.raises(AuditError, match="it is another model"):
        contributions(3, "cd" * 32)
