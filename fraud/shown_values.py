"""A feature's value as people read it."""

from __future__ import annotations

import math
from typing import Final

from fraud.feature_file import Feature, ShownAs

DAYS_A_YEAR: Final = 365.25


def show_value(feature: Feature, value: float) -> str:
    """One value: the name of what it stands for, "missing", or the number with its unit."""
    if math.isnan(value):
        return "missing"
    named = {number: name for name, number in feature.values.items()}.get(value)
    if named is not None:
        return named.replace("_", " ")
    return show_number(feature, value)


def show_number(feature: Feature, value: float) -> str:
    """A value that stands for an amount, with its unit."""
    match feature.shown_as:
        case ShownAs.EUR:
            return f"EUR {value:,.0f}"
        case ShownAs.YEARS:
            return f"{_plain(value / DAYS_A_YEAR)} years"
        case _:
            return f"{_plain(value)} {feature.unit}"


def _plain(value: float) -> str:
    """With one digit behind the point where that says more."""
    text = f"{value:,.1f}"
    return text.removesuffix(".0")
