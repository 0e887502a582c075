"""Eight bytes at a time: unaligned loads, and branch-free parsing of decimal digits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from serve.engine.jit import intrinsic, part

WORD: Final = ir.IntType(64)
WORD_BYTES: Final = 8

ZEROS: Final = np.uint64(0x3030303030303030)
"""Eight times the digit 0."""
ABOVE_NINE: Final = np.uint64(0x4646464646464646)
"""Added to a byte, it sets the top bit where the byte is above "9"."""
TOP_BITS: Final = np.uint64(0x8080808080808080)


@intrinsic
def word_at(_context: Any, array: Any, index: Any) -> Any:
    """The eight bytes of a uint8 array from an index on, as a little-endian uint64; all eight must be in bounds."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        word = builder.load(builder.bitcast(builder.gep(data, [arguments[1]]), WORD.as_pointer()))
        word.align = 1
        return word

    return types.uint64(array, types.int64), write


@part
def same_bytes(body: Any, one: Any, other: Any, length: Any) -> Any:
    """Whether `length` >= 8 bytes at two positions are equal; both ranges must be in bounds."""
    last = length - WORD_BYTES
    different = word_at(body, one + last) ^ word_at(body, other + last)
    for offset in range(0, last, WORD_BYTES):
        different |= word_at(body, one + offset) ^ word_at(body, other + offset)
    return different == np.uint64(0)


@part
def same_few_bytes(body: Any, one: Any, other: Any, length: Any) -> Any:
    """As `same_bytes`, for any `length`."""
    same = True
    for offset in range(length):
        same &= body[one + offset] == body[other + offset]
    return same


@part
def leading_digits(word: Any) -> Any:
    """The number of leading bytes of a word that are decimal digits, 0 to 8. A byte above 127 can only corrupt the byte
    after it, and is not a digit itself.
    """
    others = ((word + ABOVE_NINE) | (word - ZEROS) | word) & TOP_BITS
    # The lowest set bit marks the first byte that is not a digit: count the zeros below it.
    return trailing_zeros(others) >> 3


@intrinsic
def trailing_zeros(_context: Any, value: Any) -> Any:
    """Number of zero bits below the lowest set bit of a uint64, 64 for 0, as int64."""

    def write(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(value), write


@part
def eight_digits(word: Any) -> Any:
    """The number formed by eight digit bytes, each 0 to 9, most significant first (Lemire 2022, fast_float)."""
    word = (word * np.uint64(10)) + (word >> np.uint64(8))
    low = (word & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((word >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return (low + high) >> np.uint64(32)
