"""One column's texts -> the values that PostgreSQL stores, or what is wrong with them.

Whatever type a column has in the file, it is read as the texts that its values print as: those of a decimal, a float or
an integer are exact, so a number is rounded once, to the float32 of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fraud.feature_file import Feature, FeatureType, ShownAs
from fraud.features import DATE, FEATURES, LABEL
from initdb.applications.faults import Kind
from initdb.applications.opening import ID_COLUMN

Mask = npt.NDArray[np.bool_]

NUMBER: Final = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
DAY: Final = r"^\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?)?$"
"""A day, also as what prints all times writes it."""
ID: Final = r"^[^\x00-\x1f\x7f\x{FFFD}]{1,64}$"
"""What the server takes as an id too."""
MISSING: Final = ("", "nan")
LABELS: Final = {"false": "0", "true": "1"}
LARGEST_INTEGER: Final = 2**31 - 1
"""PostgreSQL's `integer`."""


@dataclass(frozen=True, slots=True)
class Values:
    """A column as it is stored, null where a value is missing or at fault; and the rows at fault, by kind."""

    stored: pa.Array
    faults: dict[Kind, Mask]


def as_texts(column: pa.Array) -> pa.StringArray:
    """The values as they print.

    Raises:
        pa.ArrowException: they are of a type that has no text, or no text in UTF-8.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        column = (column if kind.tz is None else column.cast(pa.timestamp(kind.unit, "UTC"))).cast(pa.date32())
    elif pa.types.is_date64(kind):
        column = column.cast(pa.date32())
    return column.cast(pa.string())


def check_id(texts: pa.StringArray) -> Values:
    """Ids as they are."""
    missing = _flags(pc.equal(texts, ""), missing=True)
    wrong = ~missing & ~_flags(pc.match_substring_regex(texts, ID))
    return _values(texts, {Kind.MISSING: missing, Kind.NO_ID: wrong})


def check_day(texts: pa.StringArray) -> Values:
    """Days."""
    trimmed, missing = _trimmed(texts)
    days = pc.utf8_slice_codeunits(pc.if_else(pc.match_substring_regex(trimmed, DAY), trimmed, None), 0, 10)
    # The parser takes 30 February for 1 March.
    times = pc.strptime(days, format="%Y-%m-%d", unit="s", error_is_null=True)
    same = _flags(pc.equal(pc.strftime(times, format="%Y-%m-%d"), days))
    return _values(days, {Kind.MISSING: missing, Kind.NO_DATE: ~missing & ~same})


def check_label(texts: pa.StringArray) -> Values:
    """0 or 1."""
    trimmed, missing = _trimmed(texts)
    words = pc.utf8_lower(trimmed)
    for word, number in LABELS.items():
        words = pc.if_else(pc.equal(words, word), number, words)
    numbers, is_number = _numbers(words)
    right = is_number & np.isin(numbers, (0.0, 1.0))
    stored = pa.array(np.where(right, numbers, 0).astype(np.int8))
    return _values(stored, {Kind.MISSING: missing, Kind.NO_LABEL: ~missing & ~right})


def feature_check(feature: Feature) -> Callable[[pa.StringArray], Values]:
    """The check of a feature's column."""
    return partial(_check_integer if feature.integral else _check_number, feature)


def _check_number(feature: Feature, texts: pa.StringArray) -> Values:
    trimmed, missing = _trimmed(texts)
    numbers, is_number = _numbers(trimmed)
    single = _single(trimmed, is_number)
    faults = _number_faults(feature, missing, is_number)
    faults[Kind.OUT_OF_RANGE] = is_number & ~(np.isfinite(single) & (numbers >= feature.minimum))
    return Values(pa.array(single, mask=_at_fault(faults) | missing), faults)


def _check_integer(feature: Feature, texts: pa.StringArray) -> Values:
    trimmed, missing = _trimmed(texts)
    numbers, is_number = _numbers(trimmed)
    faults = _number_faults(feature, missing, is_number)
    in_range = is_number & (np.abs(numbers) <= LARGEST_INTEGER) & (numbers >= feature.minimum)
    whole = in_range & (numbers == np.rint(numbers))
    faults |= {Kind.OUT_OF_RANGE: is_number & ~in_range, Kind.NOT_WHOLE: in_range & ~whole}
    if feature.type is FeatureType.CODE or feature.shown_as is ShownAs.LEVEL:
        faults[Kind.NO_VALUE_OF_THESE] = whole & ~np.isin(numbers, list(feature.values.values()))
    return Values(pa.array(np.where(whole, numbers, 0).astype(np.int32), mask=_at_fault(faults) | missing), faults)


def _number_faults(feature: Feature, missing: Mask, is_number: Mask) -> dict[Kind, Mask]:
    no_number = {Kind.NO_NUMBER: ~missing & ~is_number}
    return no_number if feature.may_be_missing else {Kind.MISSING: missing, **no_number}


CHECKS: Final = {
    ID_COLUMN: check_id,
    DATE: check_day,
    **{feature.name: feature_check(feature) for feature in FEATURES},
    LABEL: check_label,
}


def _trimmed(texts: pa.StringArray) -> tuple[pa.StringArray, Mask]:
    """The texts without blanks around them, and which of them say nothing."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return trimmed, _flags(pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(MISSING)), missing=True) | _nulls(texts)


def _numbers(texts: pa.StringArray) -> tuple[npt.NDArray[np.float64], Mask]:
    is_number = _flags(pc.match_substring_regex(texts, NUMBER))
    numbers = pc.cast(pc.if_else(pa.array(is_number), texts, None), pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, np.float64), is_number


def _single(texts: pa.StringArray, is_number: Mask) -> npt.NDArray[np.float32]:
    """The float32 next to each text, not to the float64 next to it."""
    numbers = pc.cast(pc.if_else(pa.array(is_number), texts, None), pa.float32()).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, np.float32)


def _values(stored: pa.Array, faults: dict[Kind, Mask]) -> Values:
    return Values(pc.if_else(pa.array(_at_fault(faults)), None, stored), faults)


def _at_fault(faults: dict[Kind, Mask]) -> Mask:
    return np.asarray(np.logical_or.reduce(list(faults.values())), np.bool_)


def _flags(flags: pa.BooleanArray, *, missing: bool = False) -> Mask:
    return np.asarray(pc.fill_null(flags, missing).to_numpy(zero_copy_only=False), np.bool_)


def _nulls(texts: pa.StringArray) -> Mask:
    return np.asarray(texts.is_null().to_numpy(zero_copy_only=False), np.bool_)
