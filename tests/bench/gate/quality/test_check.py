"""The check on real parts: models that training registered in MLflow, applications in PostgreSQL."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss
from xgboost import XGBClassifier

from bench.gate.errors import ProbabilityError
from bench.gate.quality.check import beside_twin, check_quality, judge_against_champion, judge_against_chance
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import QualityReport
from bench.gate.quality.rule import Rule
from bench.gate.quality.scoring import shipped_probabilities, twin_probabilities
from fraud.errors import RegistryError
from fraud.registry import TEST_START_TAG, TWIN_SHA256_TAG, ChecksumError, ModelVersion, Registry
from fraud.settings.gate import GateVetoes
from fraud.stack.ports import hold_port
from fraud.verdict import Verdict
from tests.bench.gate.quality.scored_rows import applications, probabilities
from tests.train.conftest import store, synthetic_dataset
from tests.train.quick_search import shorten_search
from train.agreement import agreement
from train.dataset import Dataset
from train.pipeline import run

POLICY = QualityPolicy(
    rule=Rule.SUPERIOR, level=0.01, margin=0.005, minimum_positives=30, review_capacity=0.05, vetoes=GateVetoes()
)
DATA = synthetic_dataset(8_000, 80, 1)
LAST = dt.date(2024, 3, 21)
EARLIER = dt.date(2024, 2, 20)


@dataclass(frozen=True, slots=True)
class World:
    dsn: str
    registry: Registry
    champion: ModelVersion
    candidate: ModelVersion

    def check(self, candidate: ModelVersion, champion: ModelVersion | None, **changes: object) -> QualityReport:
        cutoff = changes.pop("cutoff", LAST)
        assert isinstance(cutoff, dt.date)
        policy = replace(POLICY, **changes)  # type: ignore[arg-type]
        return check_quality(self.dsn, self.registry, candidate, champion, cutoff=cutoff, policy=policy)


@pytest.fixture(scope="module")
def world(module_database: str, mlflow_uri: str) -> World:
    """Two versions of one model, trained a month apart."""
    store(module_database, DATA)
    registry = Registry(mlflow_uri, "quality-check")
    with pytest.MonkeyPatch.context() as patch:
        shorten_search(patch)
        versions = [
            run(
                module_database, registry, day, seed=1, threads=1, promote_first=False, progress=lambda *_: None
            ).version
            for day in (EARLIER, LAST)
        ]
    return World(module_database, registry, *versions)


def rows_from(day: dt.date) -> Dataset:
    return DATA.part(slice(int(np.searchsorted(DATA.dates, np.datetime64(day))), None))


def test_both_are_judged_on_the_newest_tenth_by_what_their_own_files_say(world: World, tmp_path: Path) -> None:
    report = world.check(world.candidate, world.champion)
    rows = rows_from(world.candidate.unseen_from)
    assert report.holdout is not None
    assert (report.holdout.first_day, report.holdout.before) == (world.candidate.unseen_from, LAST)
    assert report.holdout.rows == rows.y.size
    assert report.holdout.rows / DATA.y.size == pytest.approx(0.1, abs=0.015)

    found = report.versus_champion
    assert found is not None
    ap, brier = found.average_precision, found.others[2]
    for version, precision, score in (
        (world.champion, ap.champion, brier.champion),
        (world.candidate, ap.candidate, brier.candidate),
    ):
        native = XGBClassifier()
        native.load_model(world.registry.download_file(version, "twin/model.ubj", tmp_path / str(version.version)))
        expected = native.predict_proba(rows.x)[:, 1]
        assert precision.estimate == pytest.approx(average_precision_score(rows.y, expected), rel=1e-5)
        assert score.estimate == pytest.approx(brier_score_loss(rows.y, expected), rel=1e-5)
    assert report.verdict in {Verdict.PASS, Verdict.FAIL}
    assert {plot.name for plot in report.plots} == {"precision_recall", "difference", "reliability", "slices"}
    assert all(plot.png.startswith(b"\x89PNG") and len(plot.png) < 80_000 for plot in report.plots)


def test_the_shipped_model_is_compared_with_its_twin(world: World) -> None:
    report = world.check(world.candidate, world.champion)
    rows = rows_from(world.candidate.unseen_from)
    twin = twin_probabilities(world.registry, world.candidate, rows.x)
    shipped = shipped_probabilities(world.registry, world.candidate, rows.x)
    assert not np.array_equal(twin, shipped), "it has seen these rows"
    assert report.twin_agreement == agreement(twin, shipped, POLICY.review_capacity)


def test_version_of_before_is_judged_by_its_only_model(world: World) -> None:
    tags = {name: value for name, value in world.champion.tags.items() if name != TWIN_SHA256_TAG}
    before = replace(world.champion, tags=tags)
    shipped = shipped_probabilities(world.registry, world.champion, DATA.x)
    assert np.array_equal(twin_probabilities(world.registry, before, DATA.x), shipped)
    assert world.check(world.candidate, before).versus_champion is not None


def test_shipped_model_unlike_its_twin_is_inconclusive() -> None:
    data = applications(rows=3_000)
    passed = replace(UNDECIDED, verdict=Verdict.PASS, reasons=("better",))
    twin, other = probabilities(data, 1.0, 1), probabilities(data, 0.0, 5)
    assert beside_twin(passed, twin, twin).verdict is Verdict.PASS
    surprised = beside_twin(passed, twin, other)
    assert surprised.verdict is Verdict.INCONCLUSIVE
    assert "the shipped model is not its judged twin: rank correlation" in surprised.reasons[0]
    assert beside_twin(replace(passed, verdict=Verdict.FAIL), twin, other).verdict is Verdict.FAIL


def test_rows_that_the_champion_has_seen_don_t_count(world: World) -> None:
    # The roles are swapped: the later model is in production, and an older candidate wants to follow it.
    report = world.check(world.champion, world.candidate)
    assert world.champion.unseen_from < world.candidate.unseen_from
    assert report.holdout is not None
    assert report.holdout.first_day == world.candidate.unseen_from


def test_a_champion_that_does_not_say_when_its_test_part_began_has_seen_all_it_could(world: World) -> None:
    silent = replace(world.champion, unseen_from=world.champion.data_cutoff, tags={})
    assert TEST_START_TAG in world.champion.tags
    report = world.check(replace(world.candidate, unseen_from=dt.date(2024, 2, 1)), silent)
    assert report.holdout is not None
    assert report.holdout.first_day == EARLIER


def test_labels_that_are_not_mature_don_t_count(world: World) -> None:
    report = world.check(world.candidate, world.champion, cutoff=dt.date(2024, 3, 18), minimum_positives=10)
    assert report.holdout is not None
    expected = DATA.dates[DATA.dates < np.datetime64("2024-03-18")] >= np.datetime64(world.candidate.unseen_from)
    assert report.holdout.rows == expected.sum()


def test_too_few_rows_are_inconclusive(world: World) -> None:
    report = world.check(world.candidate, world.champion, minimum_positives=1_000)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.versus_champion is None
    assert "too few rows" in report.reasons[0]
    assert str(world.candidate.unseen_from) in report.reasons[0]


def test_no_row_at_all_is_inconclusive(world: World) -> None:
    report = world.check(replace(world.candidate, unseen_from=LAST), world.champion)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.holdout is not None
    assert report.holdout.rows == 0


def test_a_candidate_that_is_the_champion_is_inconclusive(world: World) -> None:
    report = world.check(world.candidate, world.candidate)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "both candidate and production" in report.reasons[0]


def test_without_a_champion_the_candidate_must_beat_chance(world: World) -> None:
    report = world.check(world.candidate, None)
    assert report.verdict is Verdict.PASS
    assert report.champion is None
    assert report.versus_chance is not None
    assert report.versus_chance.p_value <= POLICY.level


def test_a_registry_that_does_not_answer_is_an_error(world: World) -> None:
    gone = Registry(f"http://127.0.0.1:{hold_port()}/mlflow", "quality-check", timeout_s=1)
    with pytest.raises(RegistryError, match="failed"):
        check_quality(world.dsn, gone, world.candidate, world.champion, cutoff=LAST, policy=POLICY)


def test_another_file_than_the_registered_one_is_an_error(world: World) -> None:
    with pytest.raises(ChecksumError):
        world.check(replace(world.candidate, sha256="0" * 64), world.champion)
    with pytest.raises(ChecksumError, match=r"twin/model\.onnx"):
        world.check(replace(world.candidate, tags={**world.candidate.tags, TWIN_SHA256_TAG: "0" * 64}), world.champion)


def test_values_outside_0_to_1_are_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.engine.engine.Engine.score", lambda _self, x: np.full(len(x), np.nan, np.float32))
    with pytest.raises(ProbabilityError, match="no probability between 0 and 1 for 5 of 5"):
        twin_probabilities(world.registry, world.candidate, DATA.x[:5])


UNDECIDED = QualityReport(Verdict.INCONCLUSIVE, (), POLICY, 2, 1)


@pytest.mark.parametrize(
    ("rule", "quality", "verdict"),
    [
        pytest.param(Rule.SUPERIOR, 2.0, Verdict.PASS, id="better"),
        pytest.param(Rule.SUPERIOR, 0.5, Verdict.FAIL, id="worse"),
        pytest.param(Rule.SUPERIOR, 1.0, Verdict.FAIL, id="the same model again is not better"),
        pytest.param(Rule.NONINFERIOR, 1.0, Verdict.PASS, id="the same model again is not worse"),
        pytest.param(Rule.NONINFERIOR, 0.5, Verdict.FAIL, id="noninferior: worse"),
    ],
)
def test_verdicts(rule: Rule, quality: float, verdict: Verdict) -> None:
    data = applications(rows=3_000)
    undecided = replace(UNDECIDED, policy=replace(POLICY, rule=rule))
    champion, candidate = probabilities(data, 1.0, 1), probabilities(data, quality, 1)
    assert judge_against_champion(undecided, data, champion, candidate).verdict is verdict


def test_a_verdict_is_the_same_when_run_again() -> None:
    data = applications(rows=1_000)
    champion, candidate = probabilities(data, 1.0, 1), probabilities(data, 1.1, 1)
    first, second = (judge_against_champion(UNDECIDED, data, champion, candidate) for _ in range(2))
    assert (first.verdict, first.reasons) == (second.verdict, second.reasons)


def test_chance_is_not_promoted_where_nothing_is_in_production() -> None:
    data = applications(rows=3_000)
    report = judge_against_chance(UNDECIDED, data, probabilities(data, 0.0, 1))
    assert report.verdict is Verdict.FAIL
    assert "not significantly above" in report.reasons[0]
