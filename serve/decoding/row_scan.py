"""Reads plain row objects from JSON bytes into the matrix. Source of compiled code: see `row_scanner`.

Plain means: each object has each feature once, in any order, with finite numbers in bounds, and nothing else; an
optional feature may be null or absent. If a body is not plain, whether wrong or only rare, the scan stops, and the
full JSON decoder reads the body from its beginning. So this code may refuse anything, but what it accepts must equal
that decoder's result, to the bit.

A number is first a float64. With a mantissa of up to 2^53 and a power of ten of up to 22 one multiplication or division
rounds it correctly (Clinger 1990). With a longer mantissa it may be off by an ulp or two of float64, which changes the
float32 only near the midpoint of two float32 values; there, too, the scan stops.
"""

# ruff: noqa: PLR0917, PLR0911, C901 - compiled code: arrays by position, and an early exit for each doubt
from __future__ import annotations

from typing import Any, Final

import numpy as np

from fraud.features import FEATURE_COUNT, FEATURE_NAMES, FEATURES
from serve.decoding.words import WORD_BYTES, ZEROS, eight_digits, leading_digits, same_bytes, same_few_bytes, word_at
from serve.engine.jit import part

NOT_PLAIN: Final = -1

SPACE, TAB, LINE_FEED, RETURN = (np.uint8(ord(character)) for character in " \t\n\r")
QUOTE, COLON, COMMA, MINUS, POINT = (np.uint8(ord(character)) for character in '":,-.')
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = (np.uint8(ord(character)) for character in "{}[]")
ZERO, NINE, SMALL_E, LARGE_E, PLUS = (np.uint8(ord(character)) for character in "09eE+")

MAX_DIGITS: Final = 19
"""Any number with this many digits fits into 64 bits."""
EXACT_MANTISSA: Final = np.uint64(2**53)
MAX_POWER: Final = 22
"""10^22 is the largest power of ten that float64 holds exactly."""
POWERS: Final = np.array([10.0**power for power in range(MAX_POWER + 1)])
TENS: Final = np.array([10**power for power in range(WORD_BYTES + 1)], np.uint64)
MAX_EXPONENT_DIGITS: Final = 4
SMALLEST: Final = 2.0**-120
"""Smaller numbers except 0 are left to the other decoder: below 2^-126 float32 rounds differently."""

HALFWAY: Final = np.int64(1 << 28)
BELOW_FLOAT32: Final = np.int64((1 << 29) - 1)
DOUBT: Final = np.int64(4)
"""float32 drops 29 of float64's 52 bits; within this many ulp of the midpoint, the rounding is in doubt."""

INSTANCES: Final = np.frombuffer(b'"instances"', np.uint8)
KEYS: Final = np.frombuffer("".join(FEATURE_NAMES).encode(), np.uint8)
KEY_STARTS: Final = np.cumsum([0, *(len(name.encode()) for name in FEATURE_NAMES)])
KEY, TEXT_START, TEXT_LENGTH = range(3)
"""Columns of a layout, in the row of a member."""
MEMBERS, SEEN = range(2)
"""Columns of a layout's last row: the number of members of the object, and a bit for each feature in it."""
ALL_FEATURES: Final = (1 << FEATURE_COUNT) - 1
MAY_BE_MISSING: Final = sum(1 << position for position, feature in enumerate(FEATURES) if feature.may_be_missing)
"""A bit for each optional feature."""
SHORTEST_TEXT: Final = min(len(f',"{name}":'.encode()) for name in FEATURE_NAMES)
"""Minimum length of the text between two values; if no name is very short, the compiler can omit the check for short
texts.
"""
NULL: Final = np.frombuffer(b"null", np.uint8)
MISSING: Final = np.float32(np.nan)

MIN_ROW_BYTES: Final = 2 + sum(
    len(f'"{feature.name}":0,'.encode()) for feature in FEATURES if not feature.may_be_missing
)
"""Minimum length of a row object."""


@part
def skip_space(body: Any, at: Any) -> Any:
    """The first position from `at` on that is not white space."""
    while at < body.size and (body[at] == SPACE or body[at] == LINE_FEED or body[at] == RETURN or body[at] == TAB):
        at += 1
    return at


@part
def after(body: Any, at: Any, character: Any) -> Any:
    """The position after white space, this character, and white space again; -1 if something else is found."""
    at = skip_space(body, at)
    if at >= body.size or body[at] != character:
        return -1
    return skip_space(body, at + 1)


@part
def is_key(body: Any, at: Any, key: Any) -> Any:
    """Whether the name of feature `key` and a quote are at `at`."""
    start = KEY_STARTS[key]
    length = KEY_STARTS[key + 1] - start
    if at + length >= body.size or body[at + length] != QUOTE:
        return False
    same = True
    for place in range(length):
        same &= body[at + place] == KEYS[start + place]
    return same


@part
def key_at(body: Any, at: Any, expected: Any) -> Any:
    """The feature whose name is at `at`, -1 for none; the expected one is tried first."""
    if is_key(body, at, expected):
        return expected
    for key in range(FEATURE_COUNT):
        if is_key(body, at, key):
            return key
    return -1


@part
def digits_at(body: Any, at: Any, mantissa: Any) -> Any:
    """Append the decimal digits at `at` to a mantissa; returns it and the position after them."""
    while at + WORD_BYTES <= body.size:
        word = word_at(body, at)
        count = leading_digits(word)
        if count == 0:
            return mantissa, at
        # Shift the digits to the end; the bytes shifted in become digits 0.
        shift = np.uint64(8 * (WORD_BYTES - count))
        mantissa = mantissa * TENS[count] + eight_digits((word - ZEROS) << shift)
        at += count
        if count < WORD_BYTES:
            return mantissa, at
    while at < body.size and ZERO <= body[at] <= NINE:
        mantissa = mantissa * np.uint64(10) + np.uint64(body[at] - ZERO)
        at += 1
    return mantissa, at


@part
def number_at(body: Any, at: Any, found: Any) -> Any:
    """Read a number into `found[0]`, float64; returns the position after it, -1 if in doubt."""
    size = body.size
    negative = at < size and body[at] == MINUS
    if negative:
        at += 1
    first = at
    mantissa, at = digits_at(body, at, np.uint64(0))
    digits = at - first
    if digits == 0 or (digits > 1 and body[first] == ZERO):
        return -1
    power = 0
    if at < size and body[at] == POINT:
        first = at + 1
        mantissa, at = digits_at(body, first, mantissa)
        power = first - at
        if power == 0:
            return -1
        digits -= power
    if digits > MAX_DIGITS:
        return -1
    if at < size and (body[at] == SMALL_E or body[at] == LARGE_E):
        at += 1
        shrinks = at < size and body[at] == MINUS
        if shrinks or (at < size and body[at] == PLUS):
            at += 1
        first = at
        exponent, at = digits_at(body, at, np.uint64(0))
        if at == first or at - first > MAX_EXPONENT_DIGITS:
            return -1
        power += -int(exponent) if shrinks else int(exponent)
    if power < -MAX_POWER or power > MAX_POWER:
        return -1
    value = np.float64(mantissa)
    value = value / POWERS[-power] if power < 0 else value * POWERS[power]
    if mantissa > EXACT_MANTISSA:
        found[0] = value
        dropped = found.view(np.int64)[0] & BELOW_FLOAT32
        if HALFWAY - DOUBT <= dropped <= HALFWAY + DOUBT:
            return -1
    if value < SMALLEST and (mantissa != 0 or negative):
        return -1
    found[0] = -value if negative else value
    return at


@part
def null_at(body: Any, at: Any, key: Any) -> Any:
    """The position after a null at `at`; -1 if feature `key` is required, or if there is no null."""
    if not MAY_BE_MISSING >> key & 1 or at + NULL.size > body.size:
        return -1
    for place in range(NULL.size):
        if body[at + place] != NULL[place]:
            return -1
    return at + NULL.size


@part
def leave_out(row: Any, seen: Any) -> Any:
    """Set the features not seen to missing."""
    for key in range(FEATURE_COUNT):
        if not seen >> key & 1:
            row[key] = MISSING


@part
def object_at(body: Any, at: Any, row: Any, minima: Any, layout: Any, found: Any) -> Any:
    """Read one object into `row` and store its layout; returns the position after its brace, -1 if it is not plain."""
    before = at
    at = after(body, at, OPEN_OBJECT)
    seen = 0
    members = 0
    for place in range(FEATURE_COUNT):
        if place > 0:
            before = at
            at = skip_space(body, at)
            if at < body.size and body[at] == CLOSE_OBJECT:
                break
            at = after(body, at, COMMA)
        if at < 0 or at >= body.size or body[at] != QUOTE:
            return -1
        key = key_at(body, at + 1, layout[place, KEY])
        if key < 0 or seen >> key & 1:
            return -1
        at = after(body, at + 2 + KEY_STARTS[key + 1] - KEY_STARTS[key], COLON)
        if at < 0:
            return -1
        layout[place, KEY] = key
        layout[place, TEXT_START] = before
        layout[place, TEXT_LENGTH] = at - before
        seen |= 1 << key
        members += 1
        end = number_at(body, at, found)
        if end < 0:
            end = null_at(body, at, key)
            if end < 0:
                return -1
            row[key] = MISSING
        elif minima[key] <= np.float32(found[0]) < np.inf:
            row[key] = np.float32(found[0])
        else:
            return -1
        at = end
    at = skip_space(body, at)
    if (seen | MAY_BE_MISSING) != ALL_FEATURES or at >= body.size or body[at] != CLOSE_OBJECT:
        return -1
    layout[FEATURE_COUNT, MEMBERS] = members
    layout[FEATURE_COUNT, SEEN] = seen
    if seen != ALL_FEATURES:
        leave_out(row, seen)
    return at + 1


@part
def object_like(body: Any, at: Any, row: Any, minima: Any, layout: Any, found: Any) -> Any:
    """As `object_at`, for an object with the same text between values as the previous object; -1 if it differs."""
    for place in range(layout[FEATURE_COUNT, MEMBERS]):
        length = layout[place, TEXT_LENGTH]
        if at + length > body.size:
            return -1
        if SHORTEST_TEXT < WORD_BYTES and length < WORD_BYTES:
            if not same_few_bytes(body, at, layout[place, TEXT_START], length):
                return -1
        elif not same_bytes(body, at, layout[place, TEXT_START], length):
            return -1
        key = layout[place, KEY]
        at += length
        end = number_at(body, at, found)
        if end < 0:
            end = null_at(body, at, key)
            if end < 0:
                return -1
            row[key] = MISSING
        elif minima[key] <= np.float32(found[0]) < np.inf:
            row[key] = np.float32(found[0])
        else:
            return -1
        at = end
    if at >= body.size or body[at] != CLOSE_OBJECT:
        return -1
    if layout[FEATURE_COUNT, SEEN] != ALL_FEATURES:
        leave_out(row, layout[FEATURE_COUNT, SEEN])
    return at + 1


def scan_object(body: Any, out: Any, minima: Any, layout: Any, found: Any) -> Any:
    """Read `{feature: number, ...}` into the first row of `out`; returns 1, or NOT_PLAIN. Arguments as `scan_batch`."""
    at = object_at(body, skip_space(body, 0), out[0], minima, layout, found)
    return 1 if at >= 0 and skip_space(body, at) == body.size else NOT_PLAIN


def scan_batch(body: Any, out: Any, minima: Any, layout: Any, found: Any) -> Any:
    """Read `{"instances": [object, ...]}` into the rows of `out`; returns their number, or NOT_PLAIN.

    Args:
        body: uint8 [bytes].
        out: float32 [most rows, features].
        minima: float32 [features], the minimum of each.
        layout: int64 [features + 1, 3], scratch. For each member of an object, in order: its feature (tried first), and
            the start and length of the text before its value. The last row describes the whole object.
        found: float64 [1], scratch.
    """
    at = after(body, 0, OPEN_OBJECT)
    if at < 0 or at + INSTANCES.size > body.size:
        return NOT_PLAIN
    for place in range(INSTANCES.size):
        if body[at + place] != INSTANCES[place]:
            return NOT_PLAIN
    at = after(body, at + INSTANCES.size, COLON)
    if at >= 0:
        at = after(body, at, OPEN_LIST)
    rows = 0
    while 0 <= at < body.size and rows < out.shape[0]:
        end = object_like(body, at, out[rows], minima, layout, found) if rows > 0 else -1
        if end < 0:
            end = object_at(body, at, out[rows], minima, layout, found)
        if end < 0:
            return NOT_PLAIN
        rows += 1
        at = skip_space(body, end)
        if at < body.size and body[at] == CLOSE_LIST:
            at = after(body, at + 1, CLOSE_OBJECT)
            return rows if at == body.size else NOT_PLAIN
        at = after(body, at, COMMA)
    return NOT_PLAIN
