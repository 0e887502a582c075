"""Reasons in words: what is declared is told, in every language that all features have words in."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fraud.feature_file import Feature, read_features
from fraud.features import EXAMPLE_INSTANCE, FEATURES
from fraud.languages import ENGLISH, LANGUAGES
from fraud.reason_words import OFFERED, ReasonWords, languages_for

SEVEN = read_features(Path(__file__).parents[1] / "seven_features.toml")
BY_NAME = {feature.name: feature for feature in (*FEATURES, *SEVEN)}
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value", "effect", "language", "text"),
    [
        ("Phone_Change", 365, 0.31, "en", "phone number changed 1 year ago: raises the score"),
        ("Phone_Change", 365, 0.31, "nl", "telefoonnummer 1 jaar geleden gewijzigd: verhoogt de score"),
        ("Registration_Days", 2500, -0.1, "nl", "adres 6,8 jaar geleden ingeschreven: verlaagt de score"),
        ("Employed_Days", 730, -0.1, "en", "in the job for 2 years: lowers the score"),
        ("Employed_Days", 365243, -0.1, "en", "time in the job (not employed): lowers the score"),
        ("Employed_Days", 365243, -0.1, "nl", "tijd in de baan (zonder werk): verlaagt de score"),
        ("Education_Days", 5110, 0.2, "en", "education (graduation dropout): raises the score"),
        ("Education_Days", 5110, 0.2, "nl", "opleiding (hoger onderwijs zonder diploma): verhoogt de score"),
        ("Credit_Amount", 18000, 0.2, "en", "loan (EUR 18,000): raises the score"),
        ("Credit_Amount", 18000, 0.2, "nl", "lening (EUR 18.000): verhoogt de score"),
        ("Credit_Bureau", NAN, 0.2, "en", "enquiries (not given): raises the score"),
        ("Credit_Bureau", NAN, 0.2, "nl", "aanvragen (niet opgegeven): verhoogt de score"),
        (
            "Credit_Bureau",
            2,
            0.0,
            "en",
            "enquiries at the credit bureau in the last year (2): leaves the score as it is",
        ),
        ("debt_ratio", 0.35, 0.2, "en", "debt (0.35 of the income): raises the score"),
        ("late", 1, 0.2, "en", "late payments (1 payments): raises the score"),
        ("housing", 3, -0.2, "en", "housing (with parents): lowers the score"),
        ("monthly-income", NAN, -0.2, "en", "income (not given): lowers the score"),
    ],
)
def test_a_reason_is_told_in_the_words_of_its_declaration(
    name: str, value: float, effect: float, language: str, text: str
) -> None:
    assert ReasonWords(BY_NAME[name], language).tell(value, effect) == text


@pytest.mark.parametrize("language", OFFERED)
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_value_has_words_and_no_effect_is_called_a_cause(feature: Feature, language: str) -> None:
    for value in (EXAMPLE_INSTANCE[feature.name], *feature.values.values(), feature.minimum, NAN):
        for effect in (0.5, -0.5, 0.0):
            text = ReasonWords(feature, language).tell(value, effect)
            assert "{" not in text
            assert "nan" not in text
            assert not any(word in text for word in ("because", "cause", "due to", "omdat", "door"))
            assert "not given" not in text or math.isnan(value)


def test_a_language_is_offered_once_every_feature_has_words_in_it() -> None:
    assert languages_for(FEATURES) == [ENGLISH, "nl"]
    assert languages_for(SEVEN) == [ENGLISH]
    assert languages_for([*FEATURES, SEVEN[0]]) == [ENGLISH]
    assert OFFERED.keys() <= LANGUAGES.keys()
