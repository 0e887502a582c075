from __future__ import annotations

import numpy as np
import pytest

from initdb.population import Population
from initdb.preparation import prepare
from initdb.profile import load_profile
from initdb.raw_table import write_raw_table
from initdb.reference import build_reference, raw_rows_for
from jenkins.drift.evaluation.power import BEFORE
from jenkins.drift.evaluation.simulation.setting import build_world
from jenkins.drift.evaluation.simulation.world import World

SCALE = 1.0
SEED = 20230501


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Generated applications before the new wave: a model's, a reference of the usual size, and others."""
    table = tmp_path_factory.mktemp("raw") / "generated.csv"
    write_raw_table(table, Population.fit(load_profile()), raw_rows_for(SCALE), SEED, lambda _: None)
    data = build_reference(prepare(table, lambda _: None), SCALE, SEED)
    known = data.dates < np.datetime64(BEFORE)
    return build_world(data.features[known], data.labels[known].astype(np.int8))
