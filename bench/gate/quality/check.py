"""The check as a whole: from two registered versions and the table of applications to a report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.quality import plots
from bench.gate.quality.comparison import compare
from bench.gate.quality.group_vetoes import Reviews, group_vetoes
from bench.gate.quality.holdout import unseen_rows
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import ChampionComparison, ChanceComparison, QualityReport
from bench.gate.quality.rule import judge
from bench.gate.quality.scoring import shipped_probabilities, twin_probabilities
from bench.gate.quality.slices import compare_slices
from bench.gate.quality.vetoes import vetoes
from fraud.applicant_groups import applicant_groups
from fraud.group_report import GroupReport, group_report
from fraud.registry import ModelVersion, Registry
from fraud.statistics.design_weights import DesignWeights
from fraud.statistics.permutation import chance_p_value
from fraud.statistics.reliability import reliability
from fraud.statistics.review import reviewed_shares
from fraud.verdict import Verdict
from train.agreement import agreement, flipped_share
from train.dataset import Dataset, load_dataset
from train.evaluate import evaluate

SEED: Final = 20250501
"""Fixed: who runs the gate again gets the same verdict, and can't draw until it suits."""


def check_quality(
    dsn: str,
    registry: Registry,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    *,
    cutoff: dt.date,
    known_before: dt.datetime | None = None,
    policy: QualityPolicy,
) -> QualityReport:
    """Compare the twins of two registered versions on the applications that neither has seen; ten seconds for 20,000.

    The twins' figures describe the recipes. The candidate's shipped model is also compared with its twin. If
    applications represent others (`Dataset.weights`), every figure is of all applicants whom they represent.

    Args:
        dsn: of the database with the table of applications.
        registry: where both versions are.
        candidate: wants to be promoted.
        champion: in production; None only when the registry said that there is none.
        cutoff: applications from this day on are unknown, or have no label that is mature (`train.maturity`).
        known_before: outcomes that were recorded from then on are unknown; None: none of them.
        policy: what is asked of the candidate.

    Raises:
        DatasetError, DatabaseError: the applications can't be read.
        RegistryError: a model is unavailable, or is not the registered file.
        EngineError, ProbabilityError: a model can't be run, or returns no probabilities.
    """
    undecided = QualityReport(
        Verdict.INCONCLUSIVE, (), policy, candidate.version, champion.version if champion else None
    )
    if champion is not None and champion.version == candidate.version:
        reason = f"version {candidate.version} is both candidate and production: train a new candidate to compare"
        return replace(undecided, reasons=(reason,))
    versions = [version for version in (candidate, champion) if version is not None]
    holdout, rows = unseen_rows(load_dataset(dsn, cutoff, known_before), cutoff, versions)
    undecided = replace(undecided, holdout=holdout)
    too_few = holdout.too_few(policy.minimum_positives)
    if too_few is not None:
        return replace(undecided, reasons=(too_few,))
    scores = twin_probabilities(registry, candidate, rows.x)
    if champion is None:
        judged = judge_against_chance(undecided, rows, scores)
    else:
        judged = judge_against_champion(undecided, rows, twin_probabilities(registry, champion, rows.x), scores)
    return beside_twin(judged, scores, shipped_probabilities(registry, candidate, rows.x), rows.weights)


def beside_twin(
    report: QualityReport, twin: NDArray[np.float32], shipped: NDArray[np.float32], weights: DesignWeights = None
) -> QualityReport:
    """The report with what the candidate's shipped model would answer beside its twin, for N unseen rows.

    A shipped model that surprises is no worse model, but not the one that was judged: what passed becomes inconclusive.
    """
    found = agreement(twin, shipped, report.policy.review_capacity, weights)
    surprises = tuple(f"the shipped model is not its judged twin: {words}" for words in found.surprises())
    if not surprises or report.verdict is not Verdict.PASS:
        return replace(report, twin_agreement=found, reasons=(*report.reasons, *surprises))
    return replace(
        report,
        twin_agreement=found,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(*surprises, "check the newest applications, then train again", *report.reasons),
    )


def judge_against_champion(
    undecided: QualityReport, rows: Dataset, champion: NDArray[np.float32], candidate: NDArray[np.float32]
) -> QualityReport:
    """The report, decided by the probabilities [N] of both models for N unseen rows."""
    policy, rng, weights = undecided.policy, np.random.default_rng(SEED), rows.weights
    found = compare(rows.y, champion, candidate, review_capacity=policy.review_capacity, rng=rng, weights=weights)
    comparison = ChampionComparison.of(
        found,
        level=policy.level,
        flip_share=flipped_share(champion, candidate, policy.review_capacity, weights),
        slices=compare_slices(rows.x, rows.y, champion, candidate, rng, weights=weights),
        champion_reliability=reliability(rows.y, champion, weights=weights),
        candidate_reliability=reliability(rows.y, candidate, weights=weights),
    )
    judgement = judge(policy.rule, policy.level, policy.margin, found.average_precision)
    refusals = (
        *vetoes(policy.vetoes, found, comparison.slices, comparison.flip_share),
        *_group_refusals(policy, rows, candidate, champion),
    )
    return replace(
        undecided,
        verdict=Verdict.FAIL if refusals else judgement.verdict,
        reasons=(judgement.reason, *refusals),
        versus_champion=comparison,
        groups=_groups(policy, rows, candidate),
        champion_groups=_groups(policy, rows, champion),
        plots=(
            plots.precision_recall(rows, {"champion": champion, "candidate": candidate}),
            plots.differences(found.average_precision, comparison.lower_bound, policy),
            plots.calibration(
                {"champion": comparison.champion_reliability, "candidate": comparison.candidate_reliability}
            ),
            plots.slices(comparison.slices),
        ),
    )


def judge_against_chance(undecided: QualityReport, rows: Dataset, candidate: NDArray[np.float32]) -> QualityReport:
    """The report, decided by the candidate's probabilities [N] for N unseen rows, where there is no champion.

    Limits of a loss compare with a champion, and don't apply; those of groups do.
    """
    policy = undecided.policy
    evaluation = evaluate(rows.y, candidate, SEED, capacity=policy.review_capacity, weights=rows.weights)
    p_value = chance_p_value(rows.y, candidate, np.random.default_rng(SEED), weights=rows.weights)
    passed = p_value <= policy.level
    calibration = reliability(rows.y, candidate, weights=rows.weights)
    refusals = tuple(_group_refusals(policy, rows, candidate, None))
    reason = (
        f"no champion; average precision {evaluation.average_precision.estimate:.4f} is "
        f"{'' if passed else 'not '}significantly above what chance reaches at a positive rate of "
        f"{evaluation.positive_rate:.4f} (permutation test: p = {p_value:.4g}, level {policy.level:g})"
    )
    return replace(
        undecided,
        verdict=Verdict.PASS if passed and not refusals else Verdict.FAIL,
        reasons=(reason, *refusals),
        versus_chance=ChanceComparison(evaluation, p_value, calibration),
        groups=_groups(policy, rows, candidate),
        plots=(
            plots.precision_recall(rows, {"candidate": candidate}),
            plots.calibration({"candidate": calibration}),
        ),
    )


def _groups(policy: QualityPolicy, rows: Dataset, probabilities: NDArray[np.float32]) -> GroupReport:
    return group_report(rows.x, rows.y, probabilities, rows.attributes, policy.review_capacity, weights=rows.weights)


def _group_refusals(
    policy: QualityPolicy, rows: Dataset, candidate: NDArray[np.float32], champion: NDArray[np.float32] | None
) -> Iterator[str]:
    capacity, weights = policy.review_capacity, rows.weights
    reviews = Reviews(
        reviewed_shares(candidate, capacity, weights),
        None if champion is None else reviewed_shares(champion, capacity, weights),
        weights,
    )
    groups = applicant_groups(rows.x, rows.y, rows.attributes, weights)
    return group_vetoes(policy.vetoes, policy.level, groups, rows.y, reviews)
