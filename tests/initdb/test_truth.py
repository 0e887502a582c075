"""The true probabilities of generated applications: calibrated in each part, and for none but the generator's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fraud.provenance import ReferenceRows
from initdb.errors import TruthError
from initdb.population import Population
from initdb.profile import load_profile
from initdb.reference import raw_rows_for
from initdb.request import GENERATED
from initdb.truth import _drawn_probabilities, write_truth

SCALE = 0.05


def test_truth_is_calibrated_before_and_within_the_wave(tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    write_truth(ReferenceRows(GENERATED, 20230501, SCALE, 10_700), path)
    truth = np.load(path)
    labels, probabilities = truth["labels"], truth["probabilities"]
    assert labels.size == probabilities.size == 10_700
    # The first half is of the ordinary population, the other has the wave too.
    for half in (slice(0, 5_350), slice(5_350, None)):
        error = np.sqrt((probabilities[half] * (1 - probabilities[half])).sum())
        assert abs(labels[half].sum() - probabilities[half].sum()) < 4 * error
    likely = probabilities > np.quantile(probabilities, 0.95)
    assert labels[likely].mean() == pytest.approx(probabilities[likely].mean(), abs=0.1)


def test_rows_of_others_have_no_truth() -> None:
    features = np.full((1, 10), 1.5, np.float32)
    with pytest.raises(TruthError, match="1 applications were not drawn"):
        _drawn_probabilities(features, Population.fit(load_profile()), raw_rows_for(0.001), 1)
