"""What a protected feature is worth: quality and the worst group with it and without it, and how the card says so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.conftest import synthetic_dataset
from train.dataset import Dataset
from train.fitting import probabilities
from train.groups_chapter import groups_chapter
from train.price_list import Price, examined, price_list
from train.recipe import Recipe
from train.split import split_by_day

WITH_AGE = Recipe(3, 20, 0.3, 0.8, 1.0, None)
WITHOUT_AGE = Recipe(3, 20, 0.3, 0.8, 1.0, None, excluded=("Age_Days",))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Enough for groups of the test part that are not small."""
    return synthetic_dataset(30_000, 90, 1)


def prices(recipe: Recipe, dataset: Dataset) -> tuple[Price, ...]:
    split = split_by_day(dataset)
    predicted = probabilities(recipe.fit(split.known, 7, 2), split.test.x)
    return price_list(recipe, split, predicted, 7, 2)


def test_leaving_age_out_costs_quality_and_spares_the_young(dataset: Dataset) -> None:
    as_it_is, without = prices(WITH_AGE, dataset)
    assert (as_it_is.features, without.features) == ("as it is", "without `Age_Days`")
    assert without.average_precision < as_it_is.average_precision
    assert as_it_is.selection_ratio is not None
    assert without.selection_ratio is not None
    assert "age under 27 years" in as_it_is.selection_ratio[0]
    assert without.selection_ratio[1].low < as_it_is.selection_ratio[1].low


def test_both_ways_lead_to_the_same_prices(dataset: Dataset) -> None:
    as_it_is, with_age = prices(WITHOUT_AGE, dataset)
    assert with_age.features == "with `Age_Days`"
    other_as_it_is, without = prices(WITH_AGE, dataset)
    assert with_age.average_precision == pytest.approx(other_as_it_is.average_precision)
    assert as_it_is.average_precision == pytest.approx(without.average_precision)


def test_the_chapter_has_findings_groups_and_prices(dataset: Dataset) -> None:
    split = split_by_day(dataset)
    predicted = np.where(split.test.x[:, 3] < 10_957, 0.8, 0.1).astype(np.float32)
    predicted += np.random.default_rng(1).random(predicted.size).astype(np.float32) / 10
    report = examined(split.test, predicted)
    chapter = groups_chapter(report, prices(WITHOUT_AGE, dataset), ("Age_Days",))
    (finding,) = report.findings
    assert f"**{finding}**" in chapter
    assert "age under 30 years" in finding
    assert "Trees split on all features but: `Age_Days`." in chapter
    for group in report.groups:
        assert group.is_crossing or f"| {group.name}" in chapter
    assert "| with `Age_Days` | 0." in chapter
    widths = {line.count("|") for line in chapter.splitlines() if line.startswith("| ") and "rows" not in line}
    assert widths == {9, 5}, "a cell a column"
