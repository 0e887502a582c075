"""Atoms and quantiles of a column hold together."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from initdb.marginals import QuantileFunction, with_atoms
from initdb.profile import Profile

LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
VALUES = np.array([0.0, 10.0, 20.0, 20.0, 40.0])


@pytest.mark.parametrize(
    ("atoms", "value", "share"),
    [
        pytest.param({15.0: 0.1}, 15.0, 0.1, id="between two quantiles"),
        pytest.param({10.0: 0.1}, 10.0, 0.1, id="at a quantile, half to each side"),
        pytest.param({20.0: 0.3}, 20.0, 0.3, id="wider than its levels"),
        pytest.param({20.0: 0.1}, 20.0, 0.25, id="smaller than its levels: the levels are kept"),
        pytest.param({0.0: 0.2}, 0.0, 0.2, id="at the lower edge"),
        pytest.param({40.0: 0.2}, 40.0, 0.2, id="at the upper edge"),
        pytest.param({15.0: 0.4}, 15.0, 0.245, id="more than there is room for: cut"),
        pytest.param({0.0: 0.24, 10.0: 0.02}, 10.0, 0.02, id="a crowded side gives way to the other"),
    ],
)
def test_an_atom_has_its_share_and_quantiles_stay(atoms: dict[float, float], value: float, share: float) -> None:
    levels, values = with_atoms(LEVELS, VALUES, atoms)
    grid = (np.arange(200_000) + 0.5) / 200_000
    assert (np.interp(grid, levels, values) == value).mean() == pytest.approx(share, abs=1e-4)
    assert np.interp(LEVELS, levels, values) == pytest.approx(VALUES, abs=1e-6)
    assert (np.diff(levels) >= 0).all()
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("name", FEATURE_NAMES[:-1])
def test_every_column_keeps_its_range(name: str, profile: Profile) -> None:
    column = profile.columns[name]
    function = QuantileFunction.of_column(profile, column, column.commonest)
    assert function(np.array([0.0, 1.0])).tolist() == [column.minimum, column.maximum]
