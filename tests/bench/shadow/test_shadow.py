"""A candidate beside production, on what production answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from psycopg2 import sql

from bench.shadow import logged_rows, shadow
from bench.shadow.report import html_page
from bench.shadow.result import Limits
from fraud.applicant_groups import declared_groups
from fraud.database import connect
from fraud.statistics.expected_performance import expected_performance
from fraud.statistics.psi import score_psi
from fraud.verdict import Verdict
from serve.prediction_log.chain import microseconds
from tests.bench.shadow.conftest import CAPACITY, SINCE, WEEKS, WINDOW, Log, Versions, answered, compared
from tests.convert.small_models import applications
from tests.html_page import Page
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from tests.serve.review_policies import add_policy

ONE_RECORD = sql.SQL("request_id = 'r-6' AND NOT load_test AND received_at < timestamptz '2026-03-16'")


@contextmanager
def changed(log: Log, what: str) -> Iterator[None]:
    """One record of the log, changed by its owner, for the block."""
    query = sql.SQL("SELECT features, probabilities FROM prediction_requests WHERE {}").format(ONE_RECORD)
    update = sql.SQL("UPDATE prediction_requests SET {} WHERE {}")
    with connect(log.dsn) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        ((features, probabilities),) = cursor.fetchall()
    execute(log.dsn, update.format(sql.SQL(what), ONE_RECORD))
    try:
        yield
    finally:
        back = sql.SQL("features = %s::real[], probabilities = %s::real[]")
        execute(log.dsn, update.format(back, ONE_RECORD), features, probabilities)


def test_recorded_answers_are_reproduced_to_the_bit_by_either_kernel(
    versions: Versions, log: Log, tmp_path: Path
) -> None:
    forest, onnxruntime = (engine.score(log.x) for engine in versions.engines)
    assert (forest != onnxruntime).any(), "else one kernel would do"
    found = compared(versions, log.dsn, tmp_path)
    assert found.verdict is Verdict.PASS
    assert (found.record.compared, found.record.equal, found.record.differences) == (len(log.x), len(log.x), [])
    assert (found.rows.answered, found.rows.load_tests, found.rows.own) == (len(log.x), 9, len(log.x))
    assert "match bit for bit" in found.reasons[1]
    assert not list(tmp_path.iterdir()), "no copy of an application is left"


def test_figures_are_those_of_both_models(versions: Versions, log: Log, tmp_path: Path) -> None:
    found = compared(versions, log.dsn, tmp_path).comparison
    assert found is not None
    champion, candidate = versions.engines[0].score(log.x), versions.candidate_engine.score(log.x)
    reviewed = int(CAPACITY * len(log.x))
    one, other = (scores >= np.sort(scores)[-reviewed] for scores in (champion, candidate))
    whole = found.figures.whole
    assert (whole.to_review, whole.to_pass) == ((other & ~one).sum(), (one & ~other).sum())
    assert (found.to_review.number, found.to_pass.number) == (whole.to_review, whole.to_pass)
    assert whole.psi == pytest.approx(score_psi(champion, candidate))
    assert whole.expected_average_precision.candidate == pytest.approx(
        expected_performance(candidate).average_precision
    )
    assert found.figures.linear_correlation == pytest.approx(np.corrcoef(champion, candidate)[0, 1], abs=1e-6)
    groups = {group.name: group for group in declared_groups(log.x)}
    for figures in found.figures.groups:
        rows = groups[figures.name].rows
        assert figures.applications == rows.sum()
        assert figures.candidate.share.estimate == pytest.approx(other[rows].mean())
        assert (figures.to_review, figures.to_pass) == ((other & ~one)[rows].sum(), (one & ~other)[rows].sum())
    assert len(found.figures.groups) > 5
    weeks = {week.monday: week.figures for week in found.figures.weeks}
    assert sorted(weeks) == [SINCE.date() + dt.timedelta(weeks=week) for week in range(WEEKS + 1)]
    for monday, part in weeks.items():
        rows = (log.days >= np.datetime64(monday)) & (log.days < np.datetime64(monday) + 7)
        assert part.applications == rows.sum()
        assert part.mean_probability.champion == pytest.approx(champion[rows].mean(), rel=1e-5)


def test_flips_are_explained_by_the_features_whose_effects_changed(
    versions: Versions, log: Log, tmp_path: Path
) -> None:
    found = compared(versions, log.dsn, tmp_path).comparison
    assert found is not None
    for flips, sign in ((found.to_review, 1), (found.to_pass, -1)):
        assert flips.number == flips.explained > 0
        assert sum(feature.first for feature in flips.features) == flips.number
        assert all(sign * change > 0 for flip in flips.largest for _, change in flip.reasons)
        moved = sum((feature.candidate or 0) - (feature.champion or 0) for feature in flips.features)
        assert np.isfinite(moved)
    without = compared(versions, log.dsn, tmp_path, versions.unexplained).comparison
    assert without is not None
    assert without.without_reasons == (versions.unexplained.version,)
    assert all(feature.candidate is None for feature in without.to_review.features)
    assert without.figures.whole == found.figures.whole


@pytest.mark.parametrize(
    ("what", "verdict", "words"),
    [
        pytest.param("probabilities[3] = probabilities[3] * 1.0000003", Verdict.INCONCLUSIVE, "for rounding", id="ulp"),
        pytest.param("probabilities[3] = probabilities[3] + 0.001", Verdict.DATA_QUALITY_FAULT, "row 2", id="changed"),
        pytest.param("probabilities[3] = 'NaN'", Verdict.DATA_QUALITY_FAULT, "difference inf", id="no number"),
        pytest.param("features[4] = 25000 - features[4]", Verdict.DATA_QUALITY_FAULT, "row 0", id="another applicant"),
        pytest.param("probabilities[3] = NULL", Verdict.DATA_QUALITY_FAULT, "can't be read", id="no probability"),
        pytest.param("features[4] = NULL", Verdict.DATA_QUALITY_FAULT, "row 0", id="erased in part"),
    ],
)  # fmt: skip
def test_record_that_is_not_what_production_gives_is_a_finding(
    versions: Versions, log: Log, tmp_path: Path, what: str, verdict: Verdict, words: str
) -> None:
    with changed(log, what):
        found = compared(versions, log.dsn, tmp_path)
    assert found.verdict is verdict, found.reasons
    assert words in found.reasons[0]
    assert "python -m serve.audit verify" in found.reasons[0]
    assert compared(versions, log.dsn, tmp_path).verdict is Verdict.PASS


def test_erased_rows_are_no_fault_and_not_compared(versions: Versions, log: Log, tmp_path: Path) -> None:
    with changed(log, "features = array_cat(array_fill(NULL::real, ARRAY[20]), features[21:])"):
        found = compared(versions, log.dsn, tmp_path)
    assert found.verdict is Verdict.PASS
    assert (found.rows.erased, found.record.compared, found.record.equal) == (2, len(log.x) - 2, len(log.x) - 2)


def test_chunks_and_a_sample_change_nothing_but_the_number_of_rows(
    versions: Versions, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = compared(versions, log.dsn, tmp_path)
    monkeypatch.setattr(logged_rows, "CHUNK_BYTES", 5_000)
    assert at_once.comparison is not None
    in_chunks = compared(versions, log.dsn, tmp_path)
    assert in_chunks.comparison is not None
    assert in_chunks.comparison.figures.whole == at_once.comparison.figures.whole
    assert in_chunks.record == at_once.record
    monkeypatch.setattr(shadow, "MOST_ROWS", len(log.x) // 2)
    drawn = compared(versions, log.dsn, tmp_path)
    assert 0 < drawn.rows.read < drawn.rows.answered
    assert drawn.record.equal == drawn.record.compared == drawn.rows.read
    assert "drawn by their hash" in Page(html_page(drawn)).words


def test_answers_of_others_are_scored_anew_and_applications_count_once(
    versions: Versions, database: str, tmp_path: Path
) -> None:
    x = applications(400, seed=8)
    names: list[str | None] = [f"B{row}" for row in range(200)]
    with running_spool(tmp_path / "spool") as spool:
        spool.append(answered(versions, x[:200], 0, names, SINCE))
        spool.append(answered(versions, x[200:], 1, names, SINCE + dt.timedelta(days=1)))
        other = {"model_version": versions.champion.version, "application_ids": None}  # of another registry
        spool.append(record(7, **other, received_at=microseconds(SINCE + dt.timedelta(hours=5))))
    ship_all(tmp_path / "spool", database)
    execute(
        database,
        "INSERT INTO applicant_groups SELECT 'B' || n, 'region', 'r' || mod(n, 2) FROM generate_series(0, 99) n",
    )
    found = compared(versions, database, tmp_path)
    assert found.comparison is not None
    assert (found.rows.read, found.rows.own, found.comparison.figures.whole.applications) == (407, 400, 207)
    regions = [group for group in found.comparison.figures.groups if group.name.startswith("region")]
    assert [(group.name, group.applications) for group in regions] == [("region r0", 50), ("region r1", 50)]
    assert all(week.figures.applications for week in found.comparison.figures.weeks)


def test_policy_in_force_decides_for_both(versions: Versions, database: str, tmp_path: Path) -> None:
    x = applications(300, seed=9)
    with running_spool(tmp_path / "spool") as spool:
        spool.append(answered(versions, x, 0, None, SINCE))
    ship_all(tmp_path / "spool", database)
    policy = add_policy(database, at=SINCE, threshold=0.25)
    assert policy is not None
    found = compared(versions, database, tmp_path)
    assert found.comparison is not None
    rule, whole = found.comparison.rule, found.comparison.figures.whole
    assert (rule.policy_id, rule.capacity, rule.champion_threshold) == (policy.id, None, 0.25)
    one, other = versions.engines[0].score(x) >= 0.25, versions.candidate_engine.score(x) >= 0.25
    assert (whole.to_review, whole.to_pass) == ((other & ~one).sum(), (one & ~other).sum())
    assert policy.id in Page(html_page(found)).words


@pytest.mark.parametrize(
    ("limits", "verdict", "words"),
    [
        (Limits(100, 0.0001, is_optional=False), Verdict.FAIL, "GATE_VETOES flip_share=0.0001"),
        (Limits(100, 0.9, is_optional=False), Verdict.PASS, "decides differently"),
        (Limits(10**6, None, is_optional=False), Verdict.INCONCLUSIVE, "too few to compare"),
        (Limits(10**6, None, is_optional=True), Verdict.PASS, "too few to compare"),
    ],
    ids=["too many flips", "few flips", "too few applications", "too few, and nobody minds"],
)
def test_verdict_follows_from_the_limits(
    versions: Versions, log: Log, tmp_path: Path, limits: Limits, verdict: Verdict, words: str
) -> None:
    found = compared(versions, log.dsn, tmp_path, limits=limits)
    assert found.verdict is verdict
    assert words in found.reasons[0]
    assert found.window == WINDOW
