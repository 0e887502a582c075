"""What came true on months that nobody had seen lies in the bands of the forecast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from bench.plan.forecast import EVERYBODY
from tests.bench.plan.held_out_months import Checked, generated, held_out

NEW_WAVE = np.array(["2025-01", "2025-02"], "datetime64[M]")
"""The months in which other people begin to apply: what no forecast from the weeks before can know."""


def covered(checked: Iterable[Checked]) -> dict[tuple[str, bool], float]:
    """Share within the bands, by figure and whether it is everybody's."""
    found: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for one in checked:
        found[one.figure, one.group == EVERYBODY].append(one.lies_within)
    return {key: float(np.mean(values)) for key, values in found.items()}


def test_held_out_months_lie_in_the_bands_in_at_least_90_percent(tmp_path: Path) -> None:
    data = generated(tmp_path, 0.15, 20230501)
    months = np.array(["2024-06", "2024-10", "2025-07", "2026-02"], "datetime64[M]")
    shares = covered(held_out(data, months, resamples=300))
    assert min(shares.values()) >= 0.9, shares


@pytest.mark.long
def test_all_months_of_the_reference_data_lie_in_the_bands_in_at_least_90_percent(tmp_path: Path) -> None:
    data = generated(tmp_path, 1.0, 20230501)
    checked = list(held_out(data, np.arange("2024-01", "2026-05", dtype="datetime64[M]"), resamples=1000))
    assert np.mean([one.lies_within for one in checked]) >= 0.9
    shares = covered(one for one in checked if one.month not in NEW_WAVE)
    assert min(shares.values()) >= 0.9, shares
