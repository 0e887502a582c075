"""Tables that are not XGBoost's contributions are never registered."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from convert import conversion, prove
from convert.contributions.filling import fill
from convert.conversion import convert
from convert.errors import ParityError
from serve.engine.contributions.table_file import TableFile, read_tables
from serve.engine.contributions.tables import ContributionTables
from tests.convert.contributions.explained import with_covers
from tests.convert.small_models import ENOUGH_ROWS, applications, convert_small, fit, plain
from tests.serve.engine.random_forests import Shape, random_model

ROWS = applications(ENOUGH_ROWS, seed=1)
MODEL = fit(n_estimators=20, max_depth=4)


def test_a_conversion_brings_proven_tables() -> None:
    found = convert_small(MODEL)
    assert found.contributions is not None
    assert found.unexplained is None
    proof = found.parity.contributions
    assert proof is not None
    assert proof.sha256 == hashlib.sha256(found.contributions).hexdigest()
    assert proof.rows > 1_500
    assert proof.effect_max_difference <= proof.effect_tolerance == 1e-6
    assert proof.sum_max_difference <= 1e-5
    assert proof.same_order_share > 0.9
    assert msgspec.json.decode(found.parity.to_json())["contributions"]["sha256"] == proof.sha256


def test_the_same_model_gives_the_same_file() -> None:
    assert convert_small(MODEL).contributions == convert_small(MODEL).contributions


def test_a_model_that_answers_nobody_needs_no_tables() -> None:
    found = convert(MODEL, ROWS, minimum_rows=ENOUGH_ROWS, explain=False)
    assert (found.contributions, found.parity.contributions, found.unexplained) == (None, None, None)


def test_a_model_without_covers_is_converted_and_says_why_nothing_explains_it() -> None:
    model, _ = random_model(Shape(trees=4, depth=3), 0)
    found = convert_small(model)
    assert found.contributions is None
    assert found.unexplained is not None
    assert "cover" in found.unexplained
    assert convert_small(with_covers(model, 0)).contributions is not None


def swapped(tables: ContributionTables) -> ContributionTables:
    """Two features of a table have each other's effects: sums stay."""
    columns = tables.columns.copy()
    columns[[0, 1]] = columns[[1, 0]]
    return replace(tables, columns=columns)


def nudged(tables: ContributionTables) -> ContributionTables:
    """Too little to show in a sum of float32 that is only asked to be within 1e-5."""
    return replace(tables, values=tables.values + np.float32(2e-6))


def shifted(tables: ContributionTables) -> ContributionTables:
    """The base is another one."""
    return replace(tables, base=tables.base + 1e-3)


def moved(tables: ContributionTables) -> ContributionTables:
    """A threshold is one float off."""
    thresholds = tables.thresholds.copy()
    thresholds[0] = np.nextafter(thresholds[0], np.float32(np.inf))
    return replace(tables, thresholds=thresholds)


@pytest.mark.parametrize("spoil", [swapped, nudged, shifted, moved])
def test_wrong_tables_fail_the_proof(monkeypatch: pytest.MonkeyPatch, spoil: object) -> None:
    assert callable(spoil)
    found = convert_small(MODEL)
    assert found.contributions is not None
    tables = spoil(read_tables(found.contributions, found.sha256))
    wrong = TableFile.of(tables, found.sha256).to_bytes()
    with pytest.raises(ParityError, match="contributions"):
        prove(found.model, MODEL, ROWS, minimum_rows=ENOUGH_ROWS, contributions=wrong)
    monkeypatch.setattr(conversion, "fill", lambda forest, covers: spoil(fill(forest, covers)))
    with pytest.raises(ParityError, match="contributions"):
        convert_small(MODEL)


def test_tables_of_another_model_fail_the_proof() -> None:
    found = convert_small(MODEL)
    with pytest.raises(ParityError, match="belongs to the model with SHA-256"):
        prove(found.model, MODEL, ROWS, minimum_rows=ENOUGH_ROWS, contributions=convert_small(plain()).contributions)
    proven = prove(found.model, MODEL, ROWS, minimum_rows=ENOUGH_ROWS, contributions=found.contributions)
    assert proven.contributions == found.parity.contributions
