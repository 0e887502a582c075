"""A feature's value as people read it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np

from fraud.feature_file import Feature, ShownAs
from fraud.languages import ENGLISH, LANGUAGES

DAYS_A_YEAR: Final = 365.25
FEW: Final = 10
"""Amounts below this need more than one digit after the point."""

Show = Callable[[float], str]


def show_value(feature: Feature, value: float, language: str = ENGLISH) -> str:
    """One value: the name of what it means, "not given", or the number with its unit."""
    if value != value:  # noqa: PLR0124 - NaN
        return LANGUAGES[language].not_given
    return named_values(feature, language).get(value) or amounts(feature, language)(value)


def show_number(feature: Feature, value: float) -> str:
    """A value that is an amount, with its unit."""
    return amounts(feature, ENGLISH)(value)


def exact_value(feature: Feature, value: float, language: str = ENGLISH) -> str:
    """One value with no digit left out, for who compares two: "6.8 years (2,500 days)"."""
    named = named_values(feature, language).get(value)
    if value != value or named is not None:  # noqa: PLR0124 - NaN
        return named or LANGUAGES[language].not_given
    digits = np.format_float_positional(np.float32(value), trim="-")
    exact, words = _digits(language)(f"{Decimal(digits):,f}"), feature.words_in(language)
    match feature.shown_as:
        case ShownAs.EUR:
            return f"EUR {exact}"
        case ShownAs.YEARS:
            return f"{amounts(feature, language)(value)} ({exact} {words.unit})"
        case _:
            return exact if words.unit == words.called else f"{exact} {words.unit}"


def named_values(feature: Feature, language: str) -> dict[float, str]:
    """The names of what values stand for, by value."""
    names = feature.words_in(language).values
    return {value: names.get(name, name).replace("_", " ") for name, value in feature.values.items()}


def amounts(feature: Feature, language: str) -> Show:
    """What shows an amount with its unit; it is made once, and shows many."""
    words, unit = LANGUAGES[language], feature.words_in(language).unit
    plain, in_digits = numbers(language), _digits(language)

    def show_years(value: float) -> str:
        years = f"{value / DAYS_A_YEAR:,.1f}".removesuffix(".0")
        return f"{in_digits(years)} {words.year if years == '1' else words.years}"

    match feature.shown_as:
        case ShownAs.EUR:
            return lambda value: f"EUR {in_digits(f'{value:,.0f}')}"
        case ShownAs.YEARS:
            return show_years
        case _:
            return lambda value: f"{plain(value)} {unit}"


def numbers(language: str) -> Show:
    """What shows a number with one digit behind the point where that says more, and two of less than ten."""
    in_digits = _digits(language)

    def show(value: float) -> str:
        text = f"{value:,.2f}" if abs(value) < FEW else f"{value:,.1f}"
        return in_digits(text.rstrip("0").removesuffix("."))

    return show


def _digits(language: str) -> Callable[[str], str]:
    """Gives an English number the language's point, and its mark between thousands."""
    if language == ENGLISH:
        return str
    table = str.maketrans({".": LANGUAGES[language].point, ",": LANGUAGES[language].thousands})
    return lambda text: text.translate(table)
