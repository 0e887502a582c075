"""The three parts: sizes, dates, no applicant twice, an unbiased ordinary population."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from initdb.errors import TooFewRowsError
from initdb.kept_shares import kept_shares
from initdb.population import Population
from initdb.preparation import Applicants, prepare
from initdb.profile import Profile
from initdb.reference import (
    HISTORY,
    RECENT,
    PartSizes,
    ReferenceData,
    build_reference,
    is_young,
    part_sizes,
    raw_rows_for,
)
from tests.initdb.conftest import SCALE, ignore_progress

NEW_YEAR = np.datetime64("2025-01-01")


@pytest.mark.parametrize(
    ("scale", "sizes"),
    [
        (1.0, PartSizes(107_000, 87_000, 20_000)),
        (0.5, PartSizes(53_500, 43_500, 10_000)),
        (0.001, PartSizes(107, 87, 20)),
        (0.000001, PartSizes(1, 1, 2)),
    ],
)
def test_sizes(scale: float, sizes: PartSizes) -> None:
    assert part_sizes(scale) == sizes


def test_the_generated_table_is_large_enough(reference: ReferenceData) -> None:
    assert reference.scale == SCALE
    assert len(reference.labels) == 26_750 + 21_750 + 5_000


def test_the_generated_table_is_not_much_too_large(applicants: Applicants) -> None:
    assert raw_rows_for(1.0) < 2_050_000
    assert build_reference(applicants, min(SCALE * 1.1, 1.0), 11).scale < SCALE * 1.1


def test_no_applicant_appears_twice(reference: ReferenceData) -> None:
    assert len({row.tobytes() for row in reference.features}) == len(reference.features)


def test_every_row_is_one_of_the_table(applicants: Applicants, reference: ReferenceData) -> None:
    table = {row.tobytes() for row in applicants.features}
    assert all(row.tobytes() in table for row in reference.features)


def test_only_the_wave_s_labels_are_made_up(applicants: Applicants, reference: ReferenceData) -> None:
    labels = {row.tobytes(): label for row, label in zip(applicants.features, applicants.labels, strict=True)}
    original = np.array([labels[row.tobytes()] for row in reference.features])
    assert (original == reference.labels)[~reference.wave].all()
    assert (original <= reference.labels)[reference.wave].all()
    invented = int((original != reference.labels)[reference.wave].sum())
    assert reference.invented_divorces == invented > 0


@pytest.mark.parametrize(("part", "period"), [("history", HISTORY), ("recent", RECENT), ("wave", RECENT)])
def test_dates_are_spread_evenly_over_the_period(
    reference: ReferenceData, part: str, period: tuple[dt.date, dt.date]
) -> None:
    chosen = {
        "history": reference.dates < NEW_YEAR,
        "recent": (reference.dates >= NEW_YEAR) & ~reference.wave,
        "wave": reference.wave,
    }[part]
    days, counts = np.unique(reference.dates[chosen], return_counts=True)
    assert days[0] == np.datetime64(period[0])
    assert days[-1] == np.datetime64(period[1])
    assert len(days) == (period[1] - period[0]).days + 1
    assert counts.max() - counts.min() <= 1


def test_ids_are_unique_and_in_order_of_date(reference: ReferenceData) -> None:
    assert reference.application_ids[0] == "R0000001"
    assert len(set(reference.application_ids)) == len(reference.labels)
    assert (np.diff(reference.dates) >= np.timedelta64(0)).all()


def test_history_and_recent_are_the_same_population(applicants: Applicants, reference: ReferenceData) -> None:
    recent = (reference.dates >= NEW_YEAR) & ~reference.wave
    for chosen in (reference.dates < NEW_YEAR, recent):
        assert reference.labels[chosen].mean() == pytest.approx(applicants.labels.mean(), abs=0.006)
        spread = np.nanstd(applicants.features, axis=0) / np.sqrt(chosen.sum())
        difference = np.nanmean(reference.features[chosen], axis=0) - np.nanmean(applicants.features, axis=0)
        assert (np.abs(difference) < 5 * spread).all()


def test_enquiries_are_missing_as_often_as_in_the_public_table(
    applicants: Applicants, reference: ReferenceData, profile: Profile
) -> None:
    # Missing or not is independent of the amount, which decides who is kept.
    share = profile.official.blank_share["Credit_Bureau"]
    for features in (applicants.features, reference.features):
        missing = np.isnan(features)
        assert missing[:, FEATURE_NAMES.index("Credit_Bureau")].mean() == pytest.approx(share, abs=0.005)
        assert np.delete(missing, FEATURE_NAMES.index("Credit_Bureau"), axis=1).sum() == 0


@pytest.mark.parametrize("ceiling", [25_000.5, None, 18_000.0], ids=["near the agency's", "none", "lower"])
def test_rows_for_another_ceiling_are_enough_and_not_many_too_many(
    population: Population, raw_table: Path, ceiling: float | None
) -> None:
    shares = kept_shares(population, ceiling)
    with raw_table.open() as file:
        raw_rows = sum(1 for _ in file) - 1
    prepared = prepare(raw_table, ignore_progress, ceiling)
    error = 4 * np.sqrt(shares.kept / raw_rows)
    assert shares.kept - error < len(prepared.labels) / raw_rows < 1.04 * shares.kept + error
    young = is_young(prepared.features).mean()
    assert shares.young < young + 4 / np.sqrt(len(prepared.labels))
    assert young < 1.05 * shares.young + 4 / np.sqrt(len(prepared.labels))


def test_ceiling_below_nearly_all_loans_is_an_error(population: Population) -> None:
    with pytest.raises(TooFewRowsError, match="a ceiling of EUR 100 is below nearly all loans"):
        kept_shares(population, 100.0)


def test_same_seed_same_data(applicants: Applicants, reference: ReferenceData) -> None:
    again, other = build_reference(applicants, SCALE, 11), build_reference(applicants, SCALE, 12)
    assert np.array_equal(again.features, reference.features, equal_nan=True)
    assert (again.labels == reference.labels).all()
    assert not np.array_equal(other.features, reference.features, equal_nan=True)


def test_a_small_table_gives_all_it_can_in_the_same_proportions(applicants: Applicants) -> None:
    small = Applicants(applicants.features[:15_000], applicants.labels[:15_000], 121_856)
    data = build_reference(small, 1.0, 3)
    history, wave = (data.dates < NEW_YEAR).sum(), data.wave.sum()
    assert history / len(data.labels) == pytest.approx(107 / 214, abs=0.001)
    assert wave / len(data.labels) == pytest.approx(20 / 214, abs=0.001)
    # The wave takes 26% of what is kept back for it: T (194/214 + 20/214/0.26) = 15,000.
    assert len(data.labels) == pytest.approx(11_850, rel=0.03)
    assert len({row.tobytes() for row in data.features}) == len(data.features)


@pytest.mark.parametrize("young", [True, False], ids=["three rows", "nobody young"])
def test_too_few_rows_are_an_error(applicants: Applicants, young: bool) -> None:
    old = applicants.features[applicants.features[:, 3] > 9_855]
    features = applicants.features[:3] if young else old
    with pytest.raises(TooFewRowsError, match="can't be split"):
        build_reference(Applicants(features, np.zeros(len(features), dtype=np.int16), 100), 1.0, 3)
