"""What a declaration says of plausible values, and what it can't say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.errors import FeatureFileError
from fraud.feature_file import ABOVE_TYPICAL, BELOW_TYPICAL, Feature, read_features

DECLARED = """
[[feature]]
name = "a"
type = "number"
unit = "EUR"
minimum = 0
typical = [100, 300]
example = 200
called = "a"
meaning = "a"
"""


def declared(folder: Path, more: str) -> Feature:
    file = folder / "features.toml"
    file.write_text(DECLARED + more)
    (feature,) = read_features(file)
    return feature


def test_the_plausible_range_follows_from_what_is_typical(tmp_path: Path) -> None:
    assert declared(tmp_path, "").plausible_range == (100 - BELOW_TYPICAL * 200, 300 + ABOVE_TYPICAL * 200)
    assert declared(tmp_path, "plausible = [50, 400]").plausible_range == (50, 400)


@pytest.mark.parametrize("plausible", ["[150, 400]", "[50, 250]", "[400, 50]", "[nan, 400]"])
def test_a_plausible_range_that_lacks_what_is_typical_is_refused(tmp_path: Path, plausible: str) -> None:
    with pytest.raises(FeatureFileError, match="plausible must hold typical"):
        declared(tmp_path, f"plausible = {plausible}")
