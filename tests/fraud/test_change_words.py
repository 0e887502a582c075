"""A change in words: both values to their last digit, in every language that the feature has words in."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.change_words import tell_change
from fraud.feature_file import Feature, read_features
from fraud.features import FEATURES
from fraud.languages import LANGUAGES
from fraud.reason_words import OFFERED

SEVEN = read_features(Path(__file__).parents[1] / "seven_features.toml")
BY_NAME = {feature.name: feature for feature in (*FEATURES, *SEVEN)}
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "own", "other", "language", "text"),
    [
        ("Client_Income", 13500, 15020, "en", "income: EUR 15,020 instead of EUR 13,500"),
        ("Client_Income", 13500.5, 15020, "nl", "inkomen: EUR 15.020 in plaats van EUR 13.500,5"),
        (
            "Registration_Days",
            2500,
            2501,
            "en",
            "time at the address: 6.8 years (2,501 days) instead of 6.8 years (2,500 days)",
        ),
        (
            "Phone_Change",
            365,
            731,
            "nl",
            "tijd met het telefoonnummer: 2 jaar (731 dagen) in plaats van 1 jaar (365 dagen)",
        ),
        ("Employed_Days", 365243, 730, "en", "time in the job: 2 years (730 days) instead of not employed"),
        ("Employed_Days", 730, 365243, "nl", "tijd in de baan: zonder werk in plaats van 2 jaar (730 dagen)"),
        ("Credit_Bureau", 5, 2, "en", "enquiries: 2 instead of 5"),
        ("Credit_Bureau", NAN, 2, "nl", "aanvragen: 2 in plaats van niet opgegeven"),
        ("debt_ratio", 0.35, 0.2031, "en", "debt: 0.2031 of the income instead of 0.35 of the income"),
        ("housing", 1, 3, "en", "housing: with parents instead of rents"),
    ],
)
def test_a_change_is_told_to_the_last_digit(name: str, own: float, other: float, language: str, text: str) -> None:
    assert tell_change(BY_NAME[name], own, other, language) == text


@pytest.mark.parametrize("language", OFFERED)
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_two_values_are_never_told_alike(feature: Feature, language: str) -> None:
    text = tell_change(feature, feature.example, feature.example + 1, language)
    own, other = text.split(": ", 1)[1].split(f" {LANGUAGES[language].instead_of} ")
    assert own != other
    assert "{" not in text
