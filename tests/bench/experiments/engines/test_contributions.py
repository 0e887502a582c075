"""The race of reasons: who takes part, what is promised, and that all of them compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xgboost import DMatrix

from bench.experiments.engines.contributions import (
    NUMPY,
    SERVED,
    SHAP,
    SIZES,
    TABLES,
    contribution_bars,
    contribution_cells,
    print_contributions,
)
from bench.experiments.engines.models import Size
from bench.experiments.engines.race import Cell, Race
from bench.experiments.engines.report import XGBOOST
from bench.experiments.engines.shap_process import shap_process
from bench.experiments.peers.errors import PeersError
from convert.booster_forest import read_covers, read_forest
from convert.contributions.filling import fill
from convert.source import open_source
from serve.engine.contributions import Contributions
from tests.convert.small_models import applications, fit


def cell(rows: int, seconds: float) -> Cell:
    names = (TABLES, SERVED, NUMPY, XGBOOST)
    return Cell(SIZES[0].name, 1, rows, {name: [seconds, seconds] for name in names})


@pytest.mark.parametrize(("seconds", "reached"), [(0.0149, True), (0.0151, False)])
def test_the_bar_is_fifteen_milliseconds_for_a_thousand_rows(seconds: float, reached: bool) -> None:
    (bar,) = contribution_bars([cell(1, 9.0), cell(1_000, seconds)])
    assert bar.reached is reached


def test_the_table_does_without_shap(capsys: pytest.CaptureFixture[str]) -> None:
    print_contributions([cell(1_000, 0.004)])
    shown = capsys.readouterr().out
    assert "80 trees of depth 4" in shown
    assert "4.000" in shown
    assert "shap" not in shown


@pytest.mark.long
def test_everybody_takes_part(tmp_path: Path) -> None:
    (tmp_path / "shap").mkdir()
    told: list[str] = []
    small = (Size(SIZES[0].name, 4, 2),)
    cells = list(contribution_cells(tmp_path, Race(1), 0.01, told.append, sizes=small))
    assert [cell.rows for cell in cells] == [1, 100, 1_000]
    assert len(told) == 3
    assert set(cells[0].seconds) >= {TABLES, SERVED, NUMPY, XGBOOST}
    assert set(cells[0].seconds) <= {TABLES, SERVED, NUMPY, XGBOOST, SHAP}


@pytest.mark.long
def test_effects_are_those_of_shap(tmp_path: Path) -> None:
    model = fit(n_estimators=20, max_depth=4, missing_share=0.1)
    rows = applications(300, seed=4, missing=0.1)
    source = open_source(model)
    try:
        with shap_process(model.get_booster(), tmp_path) as shap:
            theirs = shap.effects(rows)
    except PeersError as error:
        pytest.skip(str(error))
    ours = Contributions(fill(read_forest(source), read_covers(source))).effects(rows)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        theirs, model.get_booster().predict(DMatrix(rows), pred_contribs=True)[:, :-1], rtol=0, atol=1e-6
    )
