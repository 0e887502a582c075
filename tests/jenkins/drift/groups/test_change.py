"""Two simulated months: what changed for a group is found, and chance alone hardly ever is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from fraud.statistics.design_weights import design_weights
from fraud.verdict import Verdict
from jenkins.drift.groups.change import (
    CALIBRATION,
    DECIDED,
    DECIDED_RIGHTLY,
    DECIDED_WRONGLY,
    DIVORCES,
    FALSE_POSITIVES,
    SELECTION,
    Compared,
    changes,
)
from jenkins.drift.groups.check import GroupCheck, GroupPolicy, judge_months
from jenkins.drift.groups.months import UNKNOWN, LoggedMonth, Month, MonthAnswers
from tests.train.conftest import synthetic_dataset

AGE, JOB = FEATURE_NAMES.index("Age_Days"), FEATURE_NAMES.index("Employed_Days")
POLICY = GroupPolicy(alpha=0.001, minimum_rows=1_000, capacity=0.05)
MARCH, APRIL = Month(dt.date(2026, 3, 1)), Month(dt.date(2026, 4, 1))


def answers(month: Month, seed: int, rows: int = 6_000, *, harder: float = 0.0, happened: float = 1.0) -> MonthAnswers:
    """Calibrated answers; `harder` is added to the log-odds of young people, `happened` multiplies their divorces."""
    rng = np.random.default_rng(seed)
    x = synthetic_dataset(rows, 30, seed).x
    x[rng.random(rows) < 0.3, JOB] = 365_243
    young = x[:, AGE] < 9_855
    odds = -2.0 + rng.normal(size=rows) + 0.5 * young
    truth = 1 / (1 + np.exp(-odds)) * np.where(young, happened, 1.0)
    labels = (rng.random(rows) < truth).astype(np.int8)
    probabilities = np.asarray(1 / (1 + np.exp(-odds - harder * young)), np.float32)
    region = np.where(rng.random(rows) < 0.5, "north", "south").astype(object)
    return MonthAnswers(month, x, probabilities, labels, {"region": region}, (1,), rows)


def unlabelled(month: MonthAnswers) -> MonthAnswers:
    return replace(month, labels=np.full_like(month.labels, UNKNOWN), versions=(2,))


def decided(month: MonthAnswers, threshold: float = 0.3, *, young: float | None = None) -> MonthAnswers:
    """By a threshold, and perhaps another one for young people: what no policy says, and a feed may come to."""
    thresholds = np.full(month.labels.size, threshold)
    if young is not None:
        thresholds[month.x[:, AGE] < 9_855] = young
    return replace(month, reviewed=month.probabilities >= thresholds, policies=(f"1-{threshold}",))


def judged(march: MonthAnswers, april: MonthAnswers, *decisions: MonthAnswers) -> GroupCheck:
    nobody = [decided(answers(one.month, 9, rows=0)) for one in (march, april)]
    first, second = decisions or nobody
    return judge_months(LoggedMonth(march, first), LoggedMonth(april, second), POLICY)


def found(check: GroupCheck) -> set[tuple[str, str]]:
    return {(one.group, one.figure) for one in check.changes if one.p_value <= POLICY.alpha}


def test_months_alike_pass_with_all_their_figures() -> None:
    check = judged(answers(MARCH, 1), answers(APRIL, 2))
    assert (check.verdict, found(check)) == (Verdict.PASS, set())
    assert [figures.month for figures in check.months] == ["2026-03", "2026-04"]
    names = {group.name for group in check.months[1].labelled_groups}
    assert {"age under 27 years", "employed", "region north", "age under 27 years, not employed"} <= names
    assert {one.figure for one in check.changes} == {SELECTION, FALSE_POSITIVES, CALIBRATION, DIVORCES}


def test_a_model_that_becomes_harder_on_a_group_is_found() -> None:
    check = judged(answers(MARCH, 1), answers(APRIL, 2, harder=1.0))
    assert check.verdict is Verdict.FAIL
    assert {("age under 27 years", figure) for figure in (SELECTION, FALSE_POSITIVES, CALIBRATION)} <= found(check)
    assert any(reason.startswith("age under 27 years: share reviewed ") for reason in check.reasons)


def test_a_group_that_divorces_less_than_before_is_found_once_outcomes_are_known() -> None:
    march, april = answers(MARCH, 1), answers(APRIL, 2, happened=0.5)
    assert {("age under 27 years", CALIBRATION), ("age under 27 years", DIVORCES)} <= found(judged(march, april))
    assert judged(march, unlabelled(april)).verdict is Verdict.PASS


def test_without_outcomes_only_the_share_reviewed_is_compared() -> None:
    march, april = unlabelled(answers(MARCH, 1)), unlabelled(answers(APRIL, 2, harder=1.0))
    check = judged(march, april)
    assert check.verdict is Verdict.FAIL
    assert {one.figure for one in check.changes} == {SELECTION}


def test_another_version_is_named_beside_a_finding() -> None:
    check = judged(answers(MARCH, 1), unlabelled(answers(APRIL, 2, harder=1.0)))
    assert "version 1 answered in 2026-03, version 2 in 2026-04" in check.reasons


def test_too_few_answers_are_inconclusive() -> None:
    check = judged(answers(MARCH, 1, rows=500), answers(APRIL, 2))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.reasons[0].startswith("500 answers in 2026-03, fewer than 1,000")


def test_decisions_alike_pass_with_their_figures() -> None:
    march, april = answers(MARCH, 1), answers(APRIL, 2)
    check = judged(march, april, decided(march), decided(april))
    assert (check.verdict, found(check)) == (Verdict.PASS, set())
    assert {DECIDED, DECIDED_WRONGLY, DECIDED_RIGHTLY} <= {one.figure for one in check.changes}
    figures = check.months[1].decisions
    assert figures is not None
    assert (figures.decided, figures.labelled, figures.policies) == (6_000, 6_000, ("1-0.3",))
    assert figures.reviewed == int((april.probabilities >= 0.3).sum())
    young = next(group for group in figures.labelled_groups if group.name == "age under 27 years")
    of_them = april.x[:, AGE] < 9_855
    assert young.selection_rate is not None
    assert young.selection_rate.figure.estimate == pytest.approx((april.probabilities[of_them] >= 0.3).mean())
    assert young.false_positive_rate is not None


def test_decisions_that_become_harder_on_a_group_are_found_where_answers_have_not_changed() -> None:
    march, april = answers(MARCH, 1), answers(APRIL, 2)
    check = judged(march, april, decided(march), decided(april, young=0.15))
    assert check.verdict is Verdict.FAIL
    assert {("age under 27 years", figure) for figure in (DECIDED, DECIDED_WRONGLY, DECIDED_RIGHTLY)} <= found(check)
    assert not {figure for _, figure in found(check)} & {SELECTION, FALSE_POSITIVES, CALIBRATION, DIVORCES}
    before_outcomes = judged(march, april, unlabelled(decided(march)), unlabelled(decided(april, young=0.15)))
    assert {figure for _, figure in found(before_outcomes)} == {DECIDED}


def test_another_policy_is_named_beside_a_finding() -> None:
    march, april = answers(MARCH, 1), answers(APRIL, 2)
    check = judged(march, april, decided(march), decided(april, 0.1))
    assert "policy 1-0.3 decided in 2026-03, policy 1-0.1 in 2026-04" in check.reasons


def test_too_few_decisions_are_not_compared() -> None:
    march, april = answers(MARCH, 1), answers(APRIL, 2)
    check = judged(march, april, decided(march), decided(answers(APRIL, 3, rows=900), 0.1))
    assert check.verdict is Verdict.PASS
    assert check.months[0].decisions is None
    assert DECIDED not in {one.figure for one in check.changes}


@pytest.mark.parametrize(
    ("day", "first", "until"),
    [
        pytest.param(dt.date(2026, 1, 1), dt.date(2025, 12, 1), "2026-01-01", id="new year"),
        pytest.param(dt.date(2026, 3, 31), dt.date(2026, 2, 1), "2026-03-01", id="short month"),
    ],
)
def test_the_last_month_that_is_over(day: dt.date, first: dt.date, until: str) -> None:
    month = Month.before(day)
    assert (month.first_day, month.until.date().isoformat()) == (first, until)


def looked_at(month: MonthAnswers, control_share: float, seed: int) -> MonthAnswers:
    """Outcomes of the tenth of highest probability, and of a control sample."""
    suspected = month.probabilities >= np.quantile(month.probabilities, 0.9)
    likely = np.where(suspected, 1.0, control_share)
    known = np.random.default_rng(seed).random(likely.size) < likely
    labels = np.where(known, month.labels, UNKNOWN).astype(np.int8)
    return replace(month, labels=labels, weights=design_weights(np.where(known, likely, 1.0)))


def test_another_control_share_is_no_change_of_whom_it_samples() -> None:
    march = looked_at(answers(MARCH, 1, rows=20_000), 0.5, 101)
    april = looked_at(answers(APRIL, 2, rows=20_000), 0.1, 102)
    unweighted = [replace(one, weights=None) for one in (march, april)]
    wrong = {figure for _, figure in found(judged(*unweighted, *map(decided, unweighted)))}
    assert wrong >= {FALSE_POSITIVES, DIVORCES, DECIDED_WRONGLY, DECIDED_RIGHTLY}
    check = judged(march, april, decided(march), decided(april))
    assert found(check) == set()
    assert {FALSE_POSITIVES, DIVORCES, CALIBRATION, DECIDED_WRONGLY, DECIDED_RIGHTLY} <= {
        one.figure for one in check.changes
    }


def test_weighted_groups_are_those_of_everybody() -> None:
    everybody = [answers(MARCH, 1, rows=20_000), answers(APRIL, 2, rows=20_000)]
    known = [looked_at(one, share, seed) for one, share, seed in zip(everybody, (0.5, 0.1), (101, 102), strict=True)]
    all_known = judged(*everybody, *map(decided, everybody)).months[1]
    weighted = judged(*known, *map(decided, known)).months[1]
    assert weighted.decisions is not None
    assert all_known.decisions is not None
    for found_groups, true_groups in (
        (weighted.labelled_groups, all_known.labelled_groups),
        (weighted.decisions.labelled_groups, all_known.decisions.labelled_groups),
    ):
        group, expected = (
            next(one for one in groups if one.name == "age under 27 years") for groups in (found_groups, true_groups)
        )
        assert group.rows < 0.3 * expected.rows
        assert group.mean_probability == pytest.approx(expected.mean_probability, rel=0.05)
        assert group.selection_rate is not None
        assert expected.selection_rate is not None
        assert group.selection_rate.figure.estimate == pytest.approx(expected.selection_rate.figure.estimate, rel=0.1)


def called_changed(pairs: int, alpha: float, rows: int = 3_000) -> int:
    """Of pairs of equal months with answers, decisions and outcomes."""
    found = 0
    for pair in range(pairs):
        march, april = answers(MARCH, 2 * pair, rows), answers(APRIL, 2 * pair + 1, rows)
        compared = [Compared.of(march, april), Compared.of(decided(march), decided(april))]
        found += any(one.p_value <= alpha for one in changes(compared, 0.05))
    return found


def test_months_alike_are_hardly_called_changed() -> None:
    assert called_changed(40, 0.05) <= 4


@pytest.mark.long
def test_months_alike_are_called_changed_in_no_more_than_the_level() -> None:
    assert called_changed(1_000, 0.05) <= 50
