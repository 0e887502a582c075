"""A reason in words: a value of the application, and its effect on the score.

An effect is a value's contribution to the application's score. It is no cause: it does not say what another value would
have led to. So the words say that it raises or lowers the score, and never why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from fraud.feature_file import NUMBER, Feature
from fraud.features import FEATURES
from fraud.languages import ENGLISH, LANGUAGES
from fraud.shown_values import amounts, named_values, numbers

KEPT_TEXTS: Final = 4096
"""Of each feature and language."""


class ReasonWords:
    """Words for one feature in one language; made once, since there are many values."""

    def __init__(self, feature: Feature, language: str = ENGLISH) -> None:
        own, words = feature.words_in(language), LANGUAGES[language]
        self._raises, self._lowers, self._leaves = f": {words.raises}", f": {words.lowers}", f": {words.leaves}"
        self._named = {value: f"{own.called} ({name})" for value, name in named_values(feature, language).items()}
        self._not_given = f"{own.called} ({words.not_given})"
        before, place, after = own.sentence
        self._before, self._after = before, after
        self._show = numbers(language) if place == NUMBER else amounts(feature, language)
        # Applications share many values, and words take longer than all else that a reason needs.
        self._said = lru_cache(KEPT_TEXTS)(self._say)

    def tell(self, value: float, effect: float) -> str:
        """A value and its effect on the log-odds: "phone number changed 1 year ago: raises the score"."""
        is_given = value == value  # noqa: PLR0124 - not NaN
        said = self._said(value) if is_given else self._not_given
        return said + (self._raises if effect > 0 else self._lowers if effect < 0 else self._leaves)

    def _say(self, value: float) -> str:
        return self._named.get(value) or f"{self._before}{self._show(value)}{self._after}"


def languages_for(features: Iterable[Feature]) -> Sequence[str]:
    """The languages in which all of these features have words; English first."""
    features = list(features)
    others = sorted(LANGUAGES.keys() - {ENGLISH})
    return [ENGLISH, *(code for code in others if all(code in feature.words for feature in features))]


OFFERED: Final = {
    language: tuple(ReasonWords(feature, language) for feature in FEATURES) for language in languages_for(FEATURES)
}
"""The words of the features that are declared, by language."""
