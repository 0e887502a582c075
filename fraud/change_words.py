"""A change of one feature in words: the other value, and the one that was given."""

from __future__ import annotations

from fraud.feature_file import Feature
from fraud.languages import ENGLISH, LANGUAGES
from fraud.shown_values import exact_value


def tell_change(feature: Feature, own: float, other: float, language: str = ENGLISH) -> str:
    """Both values to their last digit: "income: EUR 15,020 instead of EUR 13,500"."""
    called, between = feature.words_in(language).called, LANGUAGES[language].instead_of
    return f"{called}: {exact_value(feature, other, language)} {between} {exact_value(feature, own, language)}"
