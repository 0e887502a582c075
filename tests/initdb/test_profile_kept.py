"""Generated applicants have the public table's statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from xgboost import XGBClassifier

from fraud.features import FEATURE_NAMES
from initdb.blanks import STRAY_TOKENS
from initdb.copula import rank_correlation
from initdb.profile import Profile
from initdb.public_table import NOT_EMPLOYED_DAYS
from tests.initdb.conftest import Draw

OFFICIAL_ROWS = 121_856
COLUMN = {name: index for index, name in enumerate(FEATURE_NAMES)}
SCHOOLING = {
    "Junior secondary": 3285,
    "Secondary": 4380,
    "Graduation dropout": 5110,
    "Graduation": 5840,
    "Post Grad": 6570,
}


@pytest.fixture(scope="module")
def raw_numbers(raw_table: Path) -> pd.DataFrame:
    """As many rows as the public table has, NaN for blanks and symbols."""
    frame = pd.read_csv(raw_table, na_values=list(STRAY_TOKENS), nrows=OFFICIAL_ROWS)
    frame["Education_Days"] = frame.pop("Client_Education").map(SCHOOLING)
    return frame


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if name != "Education_Days"])
def test_quantiles_within_three_percent(name: str, draw: Draw, profile: Profile) -> None:
    values = draw.values[:, COLUMN[name]]
    values = values[values < NOT_EMPLOYED_DAYS] if name == "Employed_Days" else values
    target = profile.columns[name].quantiles
    # Where an atom ends, a hair's breadth of sampling error jumps to the next value: compare with both sides.
    chance = 4 * np.sqrt(profile.levels * (1 - profile.levels) / len(values))
    below = np.quantile(values, np.clip(profile.levels - chance, 0, 1))
    above = np.quantile(values, np.clip(profile.levels + chance, 0, 1))
    assert (below * 0.97 - 1 <= target).all()
    assert (target <= above * 1.03 + 1).all()


@pytest.mark.parametrize("name", ["Client_Income", "Credit_Amount", "Phone_Change", "Credit_Bureau"])
def test_commonest_values_keep_their_share(name: str, draw: Draw, profile: Profile) -> None:
    for value, share in profile.columns[name].commonest.items():
        assert (draw.values[:, COLUMN[name]] == value).mean() == pytest.approx(share, rel=0.05, abs=0.002), value


def test_incomes_are_multiples_of_450(draw: Draw, profile: Profile) -> None:
    share = (draw.values[:, COLUMN["Client_Income"]] % 450 == 0).mean()
    assert share == pytest.approx(profile.income_multiple_share, abs=0.003)


def test_ratio_of_amount_and_annuity(draw: Draw, profile: Profile) -> None:
    ratio = draw.values[:, COLUMN["Credit_Amount"]] / draw.values[:, COLUMN["Loan_Annuity"]]
    assert np.quantile(ratio, profile.levels) == pytest.approx(profile.ratio_quantiles, rel=0.02)
    assert ratio.min() > 8.3
    assert ratio.max() < 37.95
    assert 0.075 < (np.abs(ratio - 20) < 0.001).mean() < 0.125


def test_rank_correlations_before_blanks(draw: Draw, profile: Profile) -> None:
    values = draw.values.copy()
    unknown = np.random.default_rng(1).random(len(values)) < profile.columns["Credit_Bureau"].missing_share
    values[unknown, COLUMN["Credit_Bureau"]] = np.nan
    assert np.abs(rank_correlation(values) - profile.correlation).max() < 0.02


def test_rank_correlations_of_the_raw_table(raw_numbers: pd.DataFrame, profile: Profile) -> None:
    values = raw_numbers[list(FEATURE_NAMES)].to_numpy(dtype=float)
    assert np.abs(rank_correlation(values) - profile.correlation).max() < 0.05


def test_education_shares(draw: Draw, profile: Profile) -> None:
    for level in profile.education:
        share = (draw.values[:, COLUMN["Education_Days"]] == level.days).mean()
        assert share == pytest.approx(level.share, abs=0.003, rel=0.1), level.days


def test_not_employed_share_by_age(draw: Draw, profile: Profile) -> None:
    age = draw.values[:, COLUMN["Age_Days"]]
    jobless = draw.values[:, COLUMN["Employed_Days"]] == NOT_EMPLOYED_DAYS
    for each in profile.not_employed.share_by_age:
        held = jobless[(age >= each.lower) & (age < each.upper)].mean()
        assert held == pytest.approx(each.share, abs=0.012, rel=0.1), each
    assert jobless.mean() == pytest.approx(0.18174, abs=0.005)


@pytest.mark.parametrize("name", [name for name in FEATURE_NAMES if name not in ("Education_Days", "Credit_Bureau")])
def test_positive_rate_by_decile(name: str, draw: Draw, profile: Profile) -> None:
    values = draw.values[:, COLUMN[name]]
    bins = profile.columns[name].positive_rates
    for i, each in enumerate(bins):
        last = i == len(bins) - 1
        inside = (values >= each.lower) & ((values <= each.upper) if last else (values < each.upper))
        assert draw.labels[inside].mean() == pytest.approx(each.share, abs=0.008), each


def test_positive_rate_by_enquiries_where_known(raw_table: Path, profile: Profile) -> None:
    frame = pd.read_csv(raw_table, usecols=["Credit_Bureau", "Default"]).dropna()
    for each in profile.columns["Credit_Bureau"].positive_rates:
        inside = (frame["Credit_Bureau"] >= each.lower) & (frame["Credit_Bureau"] < each.upper)
        assert frame["Default"][inside].mean() == pytest.approx(each.share, abs=0.008), each


def test_positive_rate_by_education_and_employment(draw: Draw, profile: Profile) -> None:
    for level in profile.education:
        inside = draw.values[:, COLUMN["Education_Days"]] == level.days
        # 33 rows of the public table have a post-graduate applicant, none of them positive.
        allowed = 0.03 if level.share < 0.001 else 0.012
        assert draw.labels[inside].mean() == pytest.approx(level.positive_rate, abs=allowed), level
    jobless = draw.values[:, COLUMN["Employed_Days"]] == NOT_EMPLOYED_DAYS
    assert draw.labels[jobless].mean() == pytest.approx(profile.not_employed.positive_rate, abs=0.004)


def test_a_model_does_as_well_as_on_the_public_table(raw_numbers: pd.DataFrame) -> None:
    complete = raw_numbers.dropna()
    features, labels = complete[list(FEATURE_NAMES)].to_numpy(dtype=np.float32), complete["Default"].to_numpy()
    half = len(complete) // 2
    model = XGBClassifier(n_estimators=150, max_depth=3, learning_rate=0.1, n_jobs=1, random_state=0)
    scores = model.fit(features[:half], labels[:half]).predict_proba(features[half:])[:, 1]
    assert 0.07 < raw_numbers["Default"].mean() < 0.085
    assert 0.63 < roc_auc_score(labels[half:], scores) < 0.67
    assert 0.12 < average_precision_score(labels[half:], scores) < 0.15
