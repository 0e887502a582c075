"""Groups of applicants: those that the features declare, and those of attributes that no model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fraud.feature_file import Feature
from fraud.features import FEATURES
from fraud.shown_values import show_number
from fraud.statistics.design_weights import DesignWeights
from fraud.statistics.group_fairness import Group, crossings

Attributes = Mapping[str, NDArray[np.object_]]
"""Values [N] of further attributes by name, as text; None if an applicant's is unknown."""


def applicant_groups(
    x: NDArray[np.float32], labels: NDArray[np.integer], attributes: Attributes, weights: DesignWeights = None
) -> tuple[Group, ...]:
    """Every group of N applicants [N, F] that has any row, and the crossings of two that are not small."""
    single = [group for group in (*declared_groups(x), *attribute_groups(attributes)) if group.rows.any()]
    return (*single, *crossings(single, labels, weights))


def declared_groups(x: NDArray[np.float32]) -> Iterator[Group]:
    """Bands, levels and values with a name of their own that features declare, of applications [N, F].

    Every application is in one group of each such feature; "other" holds values that no level has, "missing" those
    that are not there.
    """
    for feature, values in zip(FEATURES, x.T, strict=True):
        is_missing = np.isnan(values)
        if feature.bands:
            named = _bands(feature, values, is_missing)
        elif feature.is_enumerated:
            named = _levels(feature, values, is_missing)
        elif feature.values:
            named = _named_values(feature, values, is_missing)
        else:
            continue
        for name, rows in named:
            yield Group(feature.called, name, rows)
        if feature.may_be_missing:
            yield Group(feature.called, f"{feature.called} missing", is_missing)


def attribute_groups(attributes: Attributes) -> Iterator[Group]:
    """A group for each value of each attribute; applicants without a value are in no group."""
    for attribute, values in attributes.items():
        for value in sorted({value for value in values if value is not None}):
            yield Group(attribute, f"{attribute} {value}", np.asarray(values == value, np.bool_))


Named = Iterator[tuple[str, NDArray[np.bool_]]]


def _bands(feature: Feature, values: NDArray[np.float32], is_missing: NDArray[np.bool_]) -> Named:
    band = np.searchsorted(np.array(feature.bands), values, side="right")
    for number, name in enumerate(_names_of_bands(feature)):
        yield f"{feature.called} {name}", (band == number) & ~is_missing


def _levels(feature: Feature, values: NDArray[np.float32], is_missing: NDArray[np.bool_]) -> Named:
    for level, value in feature.values.items():
        yield f"{feature.called} {level}", values == value
    yield f"{feature.called} other", ~np.isin(values, list(feature.values.values())) & ~is_missing


def _named_values(feature: Feature, values: NDArray[np.float32], is_missing: NDArray[np.bool_]) -> Named:
    """`not_employed` parts the applicants into "not employed" and "employed"; several values, into each and none."""
    for name, value in feature.values.items():
        yield name.replace("_", " "), values == value
    if len(feature.values) == 1:
        (name,) = (name.replace("_", " ") for name in feature.values)
        rest = name.removeprefix("not ") if name.startswith("not ") else f"not {name}"
    else:
        rest = f"{feature.called} other"
    yield rest, ~np.isin(values, list(feature.values.values())) & ~is_missing


def _names_of_bands(feature: Feature) -> Iterator[str]:
    shown = [show_number(feature, border) for border in feature.bands]
    yield f"under {shown[0]}"
    for low, high in pairwise(shown):
        yield f"{low} to under {high}"
    yield f"{shown[-1]} and over"
