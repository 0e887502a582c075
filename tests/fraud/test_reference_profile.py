"""A reference profile comes back to the bit, and what is none is refused."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest

from fraud.reference_profile import PREDICTION, VARIABLES, ReferenceProfile, ReferenceProfileError, VariableReference
from fraud.statistics.binning import choose_bins

ROWS = 500


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    generator = np.random.default_rng(3)
    variables = []
    for name in VARIABLES:
        values = generator.lognormal(0, 20, ROWS).astype(np.float32)
        bins = choose_bins(values)
        plain, counts = bins.to_plain(), bins.count(values).tolist()
        training = None if name == PREDICTION else counts
        variables.append(VariableReference(name, plain["thresholds"], plain["kinds"], counts, training, None))
    cutoff, first_day, last_day = (dt.date(2026, 1, day) for day in (3, 1, 2))
    return ReferenceProfile(
        "ab" * 32, cutoff, first_day, last_day, ROWS, 0, ROWS, 0, variables, [0] * len(variables[-1].counts)
    )


def test_a_saved_profile_is_read_back_to_the_bit(profile: ReferenceProfile) -> None:
    again = ReferenceProfile.from_json(profile.to_json())
    assert again == profile
    for before, after in zip(profile.variables, again.variables, strict=True):
        assert after.bins().thresholds.tobytes() == np.array(before.thresholds, np.float32).tobytes()
    assert again.variable("Age_Days").name == "Age_Days"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"rows": ROWS + 1}, "counts of 501 rows", id="rows are missing"),
        pytest.param({"positives": 1}, "divorces by probability", id="divorces are missing"),
        pytest.param({"variables": []}, "its variables are", id="no variable"),
        pytest.param({"rows": "many"}, "Expected `int`", id="no number"),
        pytest.param({"more": 1}, "unknown field", id="something else"),
    ],
)
def test_a_contradictory_profile_is_refused(profile: ReferenceProfile, change: dict[str, Any], said: str) -> None:
    changed = json.loads(profile.to_json()) | change
    with pytest.raises(ReferenceProfileError, match=said):
        ReferenceProfile.from_json(json.dumps(changed).encode())


def test_thresholds_that_do_not_rise_are_refused(profile: ReferenceProfile) -> None:
    changed = json.loads(profile.to_json())
    changed["variables"][2]["thresholds"].reverse()
    with pytest.raises(ReferenceProfileError, match="must be finite and rise"):
        ReferenceProfile.from_json(json.dumps(changed).encode())
