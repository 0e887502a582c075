"""What can stand in for the log where the server has not answered for long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.plan.errors import PlanError
from bench.plan.evidence import newest_labelled
from tests.train.conftest import synthetic_dataset

DATA = synthetic_dataset(1_000, 80, 1)
PROBABILITIES = np.full(1_000, 0.1, np.float32)


def test_labelled_applications_stand_in_where_outcomes_are_known_of_everybody() -> None:
    seen = newest_labelled(DATA, PROBABILITIES, weeks=4)
    assert seen.number_of_days == 28
    assert seen.probabilities.size == (DATA.dates > DATA.dates[-1] - np.timedelta64(28, "D")).sum()


def test_those_of_who_was_looked_at_stand_in_for_nobody() -> None:
    with pytest.raises(PlanError, match="only outcomes of reviewed applications are known"):
        newest_labelled(replace(DATA, weights=np.full(1_000, 2.0)), PROBABILITIES, weeks=4)
