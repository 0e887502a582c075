"""What a change means: drift (train again) or a data-quality fault (look at the feed), one case a line."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.reference_profile import PREDICTION
from fraud.statistics.binning import choose_bins
from fraud.verdict import Verdict
from initdb.public_table import EDUCATION_DAYS, NOT_EMPLOYED_DAYS
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.judgement import judge
from jenkins.drift.policy import DriftPolicy
from jenkins.drift.result import RareKind, VariableDrift

POLICY = DriftPolicy()
RNG = np.random.default_rng(8)
REFERENCE = {
    "Client_Income": RNG.lognormal(9.5, 0.5, 50_000),
    "Age_Days": RNG.uniform(7_400, 21_000, 50_000),
    "Employed_Days": np.where(RNG.random(50_000) < 0.2, NOT_EMPLOYED_DAYS, RNG.integers(1, 17_000, 50_000)),
    "Education_Days": RNG.choice(sorted(EDUCATION_DAYS.values()), 50_000, p=[0.02, 0.7, 0.04, 0.2395, 0.0005]),
    PREDICTION: RNG.beta(2, 20, 50_000),
}
ROWS = 2_000


def judged(name: str, current: np.ndarray, policy: DriftPolicy = POLICY, taught: int = 0) -> VariableDrift:
    bins = choose_bins(REFERENCE[name])
    counts = VariableCounts(name, bins, bins.count(REFERENCE[name]), bins.count(current))
    (found,), rate = judge([counts], None, policy, lambda _: taught)
    assert rate is None
    return found


def drawn(name: str) -> np.ndarray:
    return np.random.default_rng(9).choice(REFERENCE[name], ROWS).astype(np.float64)


def some(values: np.ndarray, share: float, replacement: object) -> np.ndarray:
    """The first share of the values replaced."""
    changed = values.copy()
    rows = slice(0, round(share * values.size))
    changed[rows] = replacement(changed[rows]) if callable(replacement) else replacement
    return changed


@pytest.mark.parametrize("name", list(REFERENCE))
def test_nothing_changed(name: str) -> None:
    found = judged(name, drawn(name))
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    ("name", "share", "replacement", "verdict", "said"),
    [
        pytest.param("Age_Days", 1, lambda v: v * 0.9, Verdict.FAIL, "distribution changed", id="younger people"),
        pytest.param("Age_Days", 0.01, np.nan, Verdict.DATA_QUALITY_FAULT, "missing", id="1% missing"),
        pytest.param("Age_Days", 1, np.nan, Verdict.DATA_QUALITY_FAULT, "missing", id="all missing"),
        pytest.param(
            "Client_Income", 0.01, lambda v: v * 1e3, Verdict.DATA_QUALITY_FAULT, "unchanged", id="1% in cents"
        ),
        pytest.param("Client_Income", 1, lambda v: v * 1e3, Verdict.DATA_QUALITY_FAULT, "beyond", id="all in cents"),
        pytest.param("Client_Income", 0.01, -1.0, Verdict.DATA_QUALITY_FAULT, "beyond", id="1% below the minimum"),
        pytest.param(
            "Age_Days", 1, lambda v: v + 1_500, Verdict.FAIL, "beyond", id="an older population, partly beyond"
        ),
        pytest.param(
            "Age_Days", 1, lambda v: v + 7_000, Verdict.DATA_QUALITY_FAULT, "beyond", id="half beyond all ages"
        ),
        pytest.param("Employed_Days", 0.01, 99_999, Verdict.DATA_QUALITY_FAULT, "none", id="another code for no job"),
        pytest.param("Education_Days", 0.01, 4_000, Verdict.DATA_QUALITY_FAULT, "none", id="a level that is none"),
        pytest.param("Education_Days", 0.02, 6_570, Verdict.FAIL, "rare", id="a rare level no longer rare"),
        pytest.param("Employed_Days", 0.2, NOT_EMPLOYED_DAYS, Verdict.FAIL, "365243", id="more without a job"),
        pytest.param(PREDICTION, 0.01, 0.999, Verdict.FAIL, "beyond", id="answers higher than ever"),
        pytest.param(PREDICTION, 0.01, np.nan, Verdict.DATA_QUALITY_FAULT, "missing", id="no answers"),
    ],
)
def test_a_change_and_what_it_means(name: str, share: float, replacement: object, verdict: Verdict, said: str) -> None:
    found = judged(name, some(drawn(name), share, replacement))
    assert found.verdict is verdict
    assert said in "; ".join(found.reasons)
    assert all(reason.startswith(f"{name}: ") for reason in found.reasons)


@pytest.mark.parametrize(
    ("name", "share", "replacement"),
    [
        pytest.param("Client_Income", 0.01, lambda v: v * 1e3, id="a few beyond, all others as ever"),
        pytest.param("Client_Income", 0.25, lambda v: v * 1e3, id="a fifth beyond"),
        pytest.param("Age_Days", 1, lambda v: v + 7_000, id="most beyond"),
    ],
)
def test_values_beyond_the_range_are_drift_once_the_training_data_have_them(
    name: str, share: float, replacement: object
) -> None:
    values = some(drawn(name), share, replacement)
    lacking, known = judged(name, values, taught=99), judged(name, values, taught=100)
    assert (lacking.verdict, known.verdict) == (Verdict.DATA_QUALITY_FAULT, Verdict.FAIL)
    assert "the training data have 99 such applications, so no retraining could learn them" in lacking.reasons[-1]
    assert "Compare some with their source" in lacking.reasons[-1], "what would decide it"
    assert "the training data have 100 such applications, so a retraining learns them" in known.reasons[-1]


def test_missing_values_stay_a_fault_whatever_was_trained_on() -> None:
    found = judged("Age_Days", some(drawn("Age_Days"), 0.5, np.nan), taught=100_000)
    assert found.verdict is Verdict.DATA_QUALITY_FAULT


def test_fewer_missing_values_are_drift_and_no_fault() -> None:
    reference = some(REFERENCE["Age_Days"], 0.1, np.nan)
    bins = choose_bins(reference)
    counts = VariableCounts("Age_Days", bins, bins.count(reference), bins.count(drawn("Age_Days")))
    (found,), _ = judge([counts], None, POLICY)
    assert found.verdict is Verdict.FAIL
    assert "0.00% are missing, 10.00% in the reference" in found.reasons[0]


def test_a_large_sample_makes_a_trifle_significant_but_the_floor_lets_it_pass() -> None:
    rng = np.random.default_rng(10)
    now = rng.uniform(7_400, 20_800, 1_000_000)
    found = judged("Age_Days", now)
    assert found.shape.adjusted_p_value < 1e-6
    assert found.shape.psi < POLICY.psi_floor
    assert found.verdict is Verdict.PASS
    assert judged("Age_Days", now, DriftPolicy(psi_floors={"Age_Days": 0.001})).verdict is Verdict.FAIL
    assert judged("Age_Days", now, DriftPolicy(psi_floors={"Client_Income": 0.001})).verdict is Verdict.PASS


def test_a_small_sample_makes_a_large_figure_but_the_test_lets_it_pass() -> None:
    found = judged("Age_Days", drawn("Age_Days")[:60])
    assert found.shape.psi > POLICY.psi_floor
    assert found.verdict is Verdict.PASS


def test_a_missing_value_or_two_are_no_fault() -> None:
    assert judged("Age_Days", some(drawn("Age_Days"), 0.001, np.nan)).verdict is Verdict.PASS


def test_a_trifling_share_of_missing_values_is_no_fault_however_sure_it_is() -> None:
    found = judged("Age_Days", some(np.tile(drawn("Age_Days"), 50), 0.0015, np.nan))
    assert min(change.adjusted_p_value for change in found.rare) < 1e-6
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("rows", "positives", "verdict"),
    [
        pytest.param(2_000, 160, Verdict.PASS, id="as before"),
        pytest.param(2_000, 300, Verdict.FAIL, id="nearly twice as many"),
        pytest.param(2_000, 60, Verdict.FAIL, id="far fewer"),
        pytest.param(50, 7, Verdict.PASS, id="many, of a few labels"),
        pytest.param(100_000, 9_000, Verdict.PASS, id="one point more, surely"),
    ],
)
def test_the_positive_rate(rows: int, positives: int, verdict: Verdict) -> None:
    _, found = judge([], LabelCounts(100_000, 8_000, rows, positives), POLICY)
    assert found is not None
    assert (found.verdict, len(found.reasons)) == (verdict, int(verdict is Verdict.FAIL))


def test_no_label_counts_yet() -> None:
    assert judge([], LabelCounts(100_000, 8_000, 0, 0), POLICY) == ((), None)


def test_every_test_of_the_window_is_one_family() -> None:
    counts = []
    for name, reference in REFERENCE.items():
        bins = choose_bins(reference)
        counts.append(VariableCounts(name, bins, bins.count(reference), bins.count(drawn(name))))
    found, rate = judge(counts, LabelCounts(100_000, 8_000, 2_000, 160), POLICY)
    assert rate is not None
    raw = [test for one in found for test in (one.shape.p_value, *(change.p_value for change in one.rare))]
    smallest = min((one.shape for one in found), key=lambda shape: shape.p_value)
    assert smallest.p_value == min([*raw, rate.p_value])
    assert smallest.adjusted_p_value == pytest.approx(min(1.0, (len(raw) + 1) * smallest.p_value))


def test_only_what_a_variable_can_have_is_tested() -> None:
    kinds = {change.kind for change in judged("Age_Days", drawn("Age_Days")).rare}
    assert kinds == {RareKind.MISSING, RareKind.OUT_OF_RANGE}
    assert RareKind.UNSEEN in {change.kind for change in judged("Education_Days", drawn("Education_Days")).rare}


def test_counts_that_can_not_be() -> None:
    bins = choose_bins(REFERENCE["Age_Days"])
    good = bins.count(REFERENCE["Age_Days"])
    for wrong in (good[:-1], good * 0, good - good.max()):
        with pytest.raises(ValueError, match="Age_Days"):
            VariableCounts("Age_Days", bins, good, wrong)
