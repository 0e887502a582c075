"""Declarations of features: what can't be is refused by name, and what is declared reaches a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.errors import FeatureFileError
from fraud.feature_file import Feature, FeatureType, ShownAs, read_features
from fraud.features import FEATURES, OWN_FILE
from fraud.shown_values import show_value

SEVEN = Path(__file__).parents[1] / "seven_features.toml"
VALID = """
[[feature]]
name = "a"
type = "integer"
unit = "days"
minimum = 0
typical = [1, 9]
example = 2
called = "a"
meaning = "a"
"""
WORDS = """
[feature.words.{}]
called = "a"
unit = "dagen"
{}
"""


def test_the_project_s_own_features_are_read() -> None:
    assert read_features(OWN_FILE) == FEATURES
    assert len(FEATURES) == 10
    assert [feature.name for feature in FEATURES if feature.may_be_missing] == ["Credit_Bureau"]


def test_another_file_may_name_features_as_people_do() -> None:
    features = read_features(SEVEN)
    assert [feature.name for feature in features][::6] == ["monthly-income", "größe"]
    assert features[5].type is FeatureType.CODE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "missing required field `feature`", id="nothing"),
        pytest.param("feature = []", "0 features", id="no feature"),
        pytest.param(VALID + VALID.replace('"a"', '"A"', 1), "a is there twice", id="names that differ in case only"),
        pytest.param(VALID.replace('"a"', '"Date"', 1), "name is that of another column", id="a column's name"),
        pytest.param(VALID.replace('"a"', '"a b,c"', 1), "has no comma", id="a comma in a name"),
        pytest.param(VALID.replace('"a"', f'"{"ä" * 31}"', 1), "longer than 60 bytes", id="a long name"),
        pytest.param(VALID.replace('"integer"', '"text"'), "text", id="an unknown type"),
        pytest.param(VALID.replace('"integer"', '"code"'), "need values", id="a code without values"),
        pytest.param(VALID + "may_be_missing = true", "one that may not", id="all may be missing"),
        pytest.param(VALID + "mean = 1", "mean", id="an unknown entry"),
        pytest.param(
            VALID.replace("minimum = 0", "minimum = 2"), "at least the minimum", id="typical below the minimum"
        ),
        pytest.param(VALID.replace("[1, 9]", "[9, 1]"), "typical must rise", id="typical that falls"),
        pytest.param(VALID + "bands = [3, 3]", "bands must rise", id="bands that don't rise"),
        pytest.param(VALID + "monotone = 2", "monotone", id="a slope of 2"),
        pytest.param(VALID + 'told_as = "since long"', "told_as needs", id="a sentence without its value"),
        pytest.param(VALID + 'told_as = "{value} of {all}"', "told_as needs", id="a sentence with another value"),
        pytest.param(VALID + WORDS.format("xx", ""), "words are in xx, expected one of nl", id="an unknown language"),
        pytest.param(VALID + WORDS.format("en", ""), "words are in en", id="words of the declaration's own language"),
        pytest.param(VALID + WORDS.format("nl", "values = { b = 'B' }"), "other values", id="words of no value"),
        pytest.param(VALID + "values = { half = 2.5 }", "whole numbers", id="half a code"),
        pytest.param(VALID.replace("example = 2", "example = nan"), "finite", id="not a number"),
        pytest.param("[[feature]", "declares no features", id="no TOML"),
    ],
)
def test_an_impossible_declaration_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "features.toml"
    path.write_text(text)
    with pytest.raises(FeatureFileError, match=r"features\.toml") as refused:
        read_features(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from fraud.features import FEATURE_NAMES; print(*FEATURE_NAMES, sep='|')"
    project = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": project, "PYTHONIOENCODING": "utf-8", **environment},
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("place", ["environment", ".env", ".run/.env"])
def test_a_process_has_the_features_that_the_setting_names(tmp_path: Path, place: str) -> None:
    environment = {}
    if place == "environment":
        environment["FEATURES_FILE"] = str(SEVEN)
    else:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(f"FEATURES_FILE={SEVEN}\n")
    done = run(tmp_path, **environment)
    assert done.stdout.startswith("monthly-income|debt_ratio|"), done.stderr


def test_a_file_that_is_not_there_ends_the_program_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, FEATURES_FILE="nowhere.toml")
    assert done.returncode == 2
    assert done.stderr == "nowhere.toml can't be read: No such file or directory; see FEATURES_FILE\n"


@pytest.mark.parametrize(
    ("shown_as", "value", "text"),
    [
        pytest.param(ShownAs.EUR, 18000.4, "EUR 18,000", id="an amount"),
        pytest.param(ShownAs.YEARS, 9855.0, "27 years", id="days as years"),
        pytest.param(ShownAs.YEARS, 400.0, "1.1 years", id="little more than a year"),
        pytest.param(ShownAs.NUMBER, 3.0, "3 days", id="a number"),
        pytest.param(ShownAs.YEARS, 365243.0, "not employed", id="a named value"),
        pytest.param(ShownAs.NUMBER, float("nan"), "not given", id="missing"),
    ],
)
def test_values_are_shown_as_people_read_them(shown_as: ShownAs, value: float, text: str) -> None:
    feature = Feature(
        *("x", FeatureType.INTEGER, "days", 0.0, (1.0, 9.0), 2.0, "x", "x"),
        shown_as=shown_as,
        values={"not_employed": 365243.0},
    )
    assert show_value(feature, value) == text
