"""Runs a `BitProgram` on blocks of 64 * W rows. Source of compiled code: see `compilation`.

The time of a block depends neither on its values nor on how many of its rows are used.
"""

# ruff: noqa: PLR0917 - compiled code takes arrays by position
from __future__ import annotations

from typing import Any, Final

import numpy as np

from fraud.features import FEATURE_COUNT
from serve.engine.bit_program import END, LOOKUP, SELECT, TESTS
from serve.engine.jit import inlined
from serve.engine.sigmoid import sigmoid
from serve.engine.vector_ir import (
    WORD_ROWS,
    lookup_1,
    lookup_2,
    lookup_3,
    lookup_4,
    lookup_5,
    lookup_6,
    lookup_7,
    lookup_8,
    pack_below,
    part_1,
    part_2,
    part_3,
    select,
)

LOWEST: Final = np.float32(-np.inf)
ZERO: Final = np.float32(0)
BIT: Final = np.uint64(1)
NO_BITS: Final = np.uint64(0)

probability_of: Final = inlined(sigmoid)


@inlined
def transpose(x: Any, start: Any, rows: Any, block: Any, floats: Any) -> Any:
    """Copy rows into `floats` column by column; returns whether a value is missing."""
    missing = False
    for column in range(FEATURE_COUNT):
        for row in range(rows):
            value = x[start + row, column]
            floats[column * block + row] = value
            missing |= np.isnan(value)
    return missing


@inlined
def lower_missing(rows: Any, block: Any, floats: Any) -> None:
    """Append the columns again with -inf for missing values."""
    second = FEATURE_COUNT * block
    for column in range(FEATURE_COUNT):
        for row in range(column * block, column * block + rows):
            value = floats[row]
            floats[second + row] = LOWEST if np.isnan(value) else value


@inlined
def evaluate_tests(
    columns: Any, thresholds: Any, missing: Any, first: Any, count: Any, floats: Any, words: Any, lanes: Any
) -> None:
    """The instruction TESTS; `missing` picks the row of `columns`."""
    width = len(lanes)
    for test in range(count):
        at = np.intp(columns[missing, first + test]) * width * WORD_ROWS
        for word in range(width):
            words[(1 + test) * width + word] = pack_below(floats, at + word * WORD_ROWS, thresholds[first + test])


@inlined
def look_up_deep(code: Any, at: Any, depth: Any, words: Any, lanes: Any, leaves: Any, sums: Any) -> None:
    """The instruction LOOKUP for a tree of one leaf, or of more leaves than registers hold."""
    width = len(lanes)
    for row in range(width * WORD_ROWS):
        leaf = np.intp(code[at + 2])
        for bit in range(depth):
            word = words[np.intp(code[at + 3 + bit]) * width + row // WORD_ROWS]
            leaf += np.intp(word >> np.uint64(row % WORD_ROWS) & BIT) << bit
        sums[row] += leaves[leaf]


@inlined
def look_up(code: Any, at: Any, words: Any, lanes: Any, leaves: Any, sums: Any) -> None:
    """The instruction LOOKUP."""
    depth = code[at + 1]
    if depth == 0 or depth > 8:
        look_up_deep(code, at, depth, words, lanes, leaves, sums)
        return
    for word in range(len(lanes)):
        if depth == 3:
            lookup_3(code, at, words, lanes, word, leaves, sums)
        elif depth == 6:
            lookup_6(code, at, words, lanes, word, leaves, sums)
        elif depth == 4:
            lookup_4(code, at, words, lanes, word, leaves, sums)
        elif depth == 5:
            lookup_5(code, at, words, lanes, word, leaves, sums)
        elif depth == 8:
            lookup_8(code, at, words, lanes, word, leaves, sums)
        elif depth == 7:
            lookup_7(code, at, words, lanes, word, leaves, sums)
        elif depth == 2:
            lookup_2(code, at, words, lanes, word, leaves, sums)
        else:
            lookup_1(code, at, words, lanes, word, leaves, sums)


@inlined
def run(
    columns: Any, thresholds: Any, code: Any, leaves: Any, missing: Any, floats: Any, sums: Any, words: Any, lanes: Any
) -> None:
    """Run the program: margins of a block into `sums`."""
    at = np.intp(0)
    while True:
        operation = code[at]
        if operation == 3:
            part_3(code, at, words, lanes)
            at += 9
        elif operation == SELECT:
            select(code, at, words, lanes)
            at += 11
        elif operation == LOOKUP:
            look_up(code, at, words, lanes, leaves, sums)
            at += 3 + code[at + 1]
        elif operation == 2:
            part_2(code, at, words, lanes)
            at += 5
        elif operation == 1:
            part_1(code, at, words, lanes)
            at += 3
        elif operation == TESTS:
            evaluate_tests(columns, thresholds, missing, code[at + 1], code[at + 2], floats, words, lanes)
            at += 3
        elif operation == END:
            return


def score_blocks(
    x: Any,
    out: Any,
    margins: Any,
    columns: Any,
    thresholds: Any,
    code: Any,
    leaves: Any,
    floats: Any,
    words: Any,
    lanes: Any,
) -> None:
    """Probabilities of the rows of `x` [n, 10] into `out` [n], or their margins.

    `floats` [>= (2 * 10 + 1) * 64 * W] and `words` [>= slots * W] are scratch of this call. `columns`, `thresholds`,
    `code` and `leaves` are a `BitProgram`'s; `lanes` is a tuple of W integers of any value.
    """
    block = len(lanes) * WORD_ROWS
    sums = floats[2 * FEATURE_COUNT * block : (2 * FEATURE_COUNT + 1) * block]
    words[: len(lanes)] = NO_BITS
    for start in range(0, x.shape[0], block):
        rows = min(block, x.shape[0] - start)
        missing = transpose(x, start, rows, block, floats)
        if missing:
            lower_missing(rows, block, floats)
        sums[:] = ZERO
        run(columns, thresholds, code, leaves, np.intp(missing), floats, sums, words, lanes)
        if margins:
            for row in range(rows):
                out[start + row] = sums[row]
        else:
            for row in range(rows):
                out[start + row] = probability_of(sums[row])
