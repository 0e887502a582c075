"""Compiles a forest to a program on bits, for blocks of rows, without branches or gathers.

A test x[column] < threshold of 64 rows is one machine word, one bit for each row. XGBoost's histograms cut a feature in
at most 256 places, so a forest of any size has a few thousand *distinct* tests: each is evaluated once for each block.
The rest of a tree is selecting bits by bits: bit k of the number of the leaf that a row reaches is the test of the
row's node on level k, selected by bits 0..k-1. Trees are cut into parts of depth 3 (7 tests in registers, 4 choices); a
deeper tree's upper part selects among the bits of up to 8 lower parts. Finally the leaf numbers select from the leaf
table.

Turning trees into bit operations shared by many rows is the idea of QuickScorer (Lucchese et al., SIGIR 2015) and
RapidScorer (Ye et al., KDD 2018). Those search the first set bit in masks of leaves; here the leaf's number itself is
built, in log2(leaves) words, where they need one word for each 64 leaves and row.

An instruction is its opcode and its operands. A slot is a row of words, [rows / 64]: a test or an intermediate result.

    TESTS first count         slots 1, 2, ... = tests first, first + 1, ...
    PART_d to t0 ..           d = 1, 2, 3: slots to .. to + d - 1 = the leaf number's bits in a part with tests in the
                              slots t0 .., level by level; on a level, position p has the bits of p as its way
    SELECT to by s0 .. s7     slot to = of slots s0 .. s7 the one with the number in slots by, by + 1, by + 2
    LOOKUP d first s0 ..      margin += leaves[first + the number in the d slots s0 ..]
    END
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from fraud.forest import Forest, Tree
from serve.engine.errors import ForestRefusedError

END: Final = 0
PART_DEPTH: Final = 3
"""Opcodes 1, 2 and 3 are PART_1, PART_2 and PART_3."""
SELECT: Final = 4
LOOKUP: Final = 5
TESTS: Final = 6

ZERO_SLOT: Final = 0
"""Slot of zeros: the upper bits of a part that is less deep than its siblings."""

REGISTER_LEAVES: Final = 16
"""A leaf table is padded to this, the floats in one AVX-512 register."""

MAXIMUM_DEPTH: Final = 12
"""2^12 leaves in a tree: beyond this depth a tree that is not full wastes its table, and row by row is faster."""

MAXIMUM_TESTS: Final = 4096
"""Tests in one group of trees: 256 KiB of words for blocks of 512 rows, well within a core's second-level cache."""


@dataclass(frozen=True, slots=True)
class BitProgram:
    """A forest of T distinct tests (a test counts once for each group of trees that needs it).

    `columns` is [2, T]. `columns[0]` are features, for rows without missing values. `columns[1]` are columns of a
    matrix with 2 * FEATURE_COUNT columns, whose second half has -inf instead of NaN: -inf is below every threshold, so
    a missing value goes left, while NaN is below none and goes right.
    """

    columns: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    code: NDArray[np.int32]
    leaves: NDArray[np.float32]
    slots: int


def compile_bits(forest: Forest) -> BitProgram:
    """Translate a forest.

    Raises:
        ForestRefusedError: a tree is deeper than `MAXIMUM_DEPTH`.
    """
    compiler = _Compiler()
    for group in _groups(forest):
        compiler.group(group)
    return compiler.program()


Test = tuple[int, bool, float]
"""Feature, whether a missing value passes, threshold."""


def _tests(tree: Tree) -> set[Test]:
    return {_test(tree, node) for node in tree.splits.tolist()}


def _test(tree: Tree, node: int) -> Test:
    return int(tree.feature[node]), bool(tree.missing_left[node]), float(tree.threshold[node])


def _groups(forest: Forest) -> list[list[Tree]]:
    """Consecutive trees with at most `MAXIMUM_TESTS` distinct tests together; a larger tree is a group by itself."""
    groups: list[list[Tree]] = [[]]
    seen: set[Test] = set()
    for tree in forest.trees:
        tests = _tests(tree)
        if groups[-1] and len(seen | tests) > MAXIMUM_TESTS:
            groups.append([])
            seen = set()
        groups[-1].append(tree)
        seen |= tests
    return groups


class _Compiler:
    """Builds the code, one group of trees after the other."""

    def __init__(self) -> None:
        self._tests: list[Test] = []
        self._code: list[int] = []
        self._leaves: list[NDArray[np.float32]] = []
        self._leaf_count = 0
        self._slots = 1
        self._slot_of: dict[Test, int] = {}
        self._free = 1

    def group(self, trees: list[Tree]) -> None:
        """Evaluate the distinct tests of the trees, feature by feature, then each tree."""
        tests = sorted(set().union(*(_tests(tree) for tree in trees)))
        self._slot_of = {test: slot for slot, test in enumerate(tests, start=1)}
        if tests:
            self._code += [TESTS, len(self._tests), len(tests)]
        self._tests += tests
        for tree in trees:
            self._tree(tree)

    def program(self) -> BitProgram:
        """The finished program."""
        feature = np.array([test[0] for test in self._tests], dtype=np.int32)
        passes = np.array([test[1] for test in self._tests], dtype=np.int32)
        return BitProgram(
            columns=np.ascontiguousarray([feature, feature + FEATURE_COUNT * passes], dtype=np.int32),
            thresholds=np.array([test[2] for test in self._tests], dtype=np.float32),
            code=np.array([*self._code, END], dtype=np.int32),
            leaves=np.concatenate(self._leaves),
            slots=self._slots,
        )

    def _tree(self, tree: Tree) -> None:
        heights = tree.heights()
        depth = int(heights[0])
        if depth > MAXIMUM_DEPTH:
            raise ForestRefusedError(f"a tree is {depth} deep; the bit program supports at most {MAXIMUM_DEPTH}")
        self._free = 1 + len(self._slot_of)
        bits = self._subtree(tree, heights, 0)
        self._slots = max(self._slots, self._free)
        self._code += [LOOKUP, depth, self._leaf_count, *bits]
        table = _leaf_table(tree, depth)
        self._leaves.append(table)
        self._leaf_count += len(table)

    def _subtree(self, tree: Tree, heights: NDArray[np.int64], root: int) -> list[int]:
        """Slots of the bits of the leaf number below `root`, one for each level."""
        height = int(heights[root])
        if height == 0:
            return []
        if height == 1:
            return [self._slot_of[_test(tree, root)]]
        depth = min(height, PART_DEPTH)
        tests, ends = self._part(tree, root, depth)
        first = self._allocate(depth)
        self._code += [depth, first, *tests]
        bits = [first + level for level in range(depth)]
        lower = [self._subtree(tree, heights, end) for end in ends] if height > PART_DEPTH else []
        for level in range(height - depth):
            to = self._allocate(1)
            sources = [slots[level] if level < len(slots) else ZERO_SLOT for slots in lower]
            self._code += [SELECT, to, first, *sources]
            bits.append(to)
        return bits

    def _part(self, tree: Tree, root: int, depth: int) -> tuple[list[int], list[int]]:
        """Slots of the tests of a part, and the nodes under it; a path that ends early keeps its leaf."""
        level, tests = [root], []
        for _ in range(depth):
            # Below a leaf any test works: both branches lead to the same leaf.
            tests += [self._slot_of[_test(tree, node if tree.left[node] >= 0 else root)] for node in level]
            right = [int(tree.right[node]) if tree.left[node] >= 0 else node for node in level]
            left = [int(tree.left[node]) if tree.left[node] >= 0 else node for node in level]
            level = right + left
        return tests, level

    def _allocate(self, count: int) -> int:
        first = self._free
        self._free += count
        return first


def _leaf_table(tree: Tree, depth: int) -> NDArray[np.float32]:
    """The leaf of each leaf number, [2^depth], padded; bit k of a number is 1 if the path goes left on level k."""
    numbers = np.arange(1 << depth)
    node = np.zeros(1 << depth, dtype=np.int64)
    for level in range(depth):
        below = np.where(numbers >> level & 1, tree.left[node], tree.right[node])
        node = np.where(below >= 0, below, node)
    table = np.zeros(max(1 << depth, REGISTER_LEAVES), dtype=np.float32)
    table[: 1 << depth] = tree.value[node]
    return table
