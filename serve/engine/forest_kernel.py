"""The forest kernel: scores rows in blocks of 64, 256 or 512, or walks a few rows down the trees one by one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.forest import Forest
from serve.engine.bit_program import BitProgram, compile_bits
from serve.engine.compilation import BLOCK_WORDS, CompiledCode
from serve.engine.cover import WALK, BlockCosts, Cover, default_costs
from serve.engine.engine import Matrix, Probabilities
from serve.engine.errors import ForestRefusedError
from serve.engine.node_table import ROW_COLUMNS, NodeTable, tabulate
from serve.engine.row_walk import TREES_AT_ONCE
from serve.engine.vector_ir import WORD_ROWS

NAME: Final = "forest"

THREAD_US: Final = 200.0
"""A part of a batch that takes less is not worth another thread, which takes about 50 us to wake."""

# With this alignment a slot of 8 words is one cache line.
ALIGNMENT_BYTES: Final = 64

LANES: Final = {words * WORD_ROWS: (0,) * words for words in BLOCK_WORDS}
"""Rows of a block -> argument whose type tells the compiled code the block's size."""

LARGEST_BLOCK: Final = max(LANES)


@dataclass(slots=True)
class _Scratch:
    """Scratch memory of one thread."""

    floats: NDArray[np.float32]
    words: NDArray[np.uint64]
    values: NDArray[np.float32]
    places: NDArray[np.int32]


class ForestKernel:
    """A forest's arrays, and the compiled code that runs them."""

    __slots__ = ("_code", "_cover", "_local", "_node_floats", "_program", "_table")

    def __init__(self, forest: Forest, code: CompiledCode) -> None:
        self._code = code
        self._table: NodeTable = tabulate(forest)
        self._node_floats = self._table.nodes.view(np.float32)
        self._program = _program(forest)
        self._cover = Cover(default_costs(self.ways))
        self._local = threading.local()

    @property
    def name(self) -> str:
        """Its name in settings and reports."""
        return NAME

    @property
    def minimum_block_rows(self) -> int:
        """Minimum number of rows worth another thread."""
        return self._cover.rows_in(THREAD_US)

    @property
    def ways(self) -> tuple[int, ...]:
        """Ways to score rows: `WALK`, and the rows of each block; blocks only if no tree is too deep."""
        return (WALK, *LANES) if self._program is not None else (WALK,)

    def adopt(self, costs: BlockCosts) -> None:
        """Use these measured costs to cut batches; call it before the kernel serves."""
        self._cover = Cover(costs)

    def block_rows(self, rows: int) -> tuple[int, ...]:
        """The ways used for a batch of this size, largest first."""
        return tuple(sorted({way for way, _ in self._cover.pieces(rows)}, reverse=True))

    def score_into(self, x: Matrix, out: Probabilities) -> None:
        """Write the probabilities of the rows of `x` into `out`."""
        if self._cover.walks(len(x)):
            self.score_by(WALK, x, out)
            return
        start = 0
        for way, stop in self._cover.pieces(len(x)):
            self.score_by(way, x[start:stop], out[start:stop])
            start = stop

    def score_by(self, way: int, x: Matrix, out: Probabilities, *, margins: bool = False) -> None:
        """Write probabilities, or log-odds, in one of `ways`."""
        scratch = self._scratch()
        if way == WALK:
            walk = (self._table.nodes, self._node_floats, self._table.roots, scratch.values, scratch.places)
            self._code.score_rows(x, out, margins, *walk)
        elif self._program is not None:
            program = self._program
            arrays = (program.columns, program.thresholds, program.code, program.leaves)
            self._code.score_blocks(x, out, margins, *arrays, scratch.floats, scratch.words, LANES[way])

    def _scratch(self) -> _Scratch:
        try:
            found: _Scratch = self._local.scratch
        except AttributeError:
            words = 0 if self._program is None else self._program.slots * max(BLOCK_WORDS)
            found = self._local.scratch = _Scratch(
                floats=_aligned(ROW_COLUMNS * LARGEST_BLOCK * 4).view(np.float32),
                words=_aligned(words * 8).view(np.uint64),
                values=np.empty(ROW_COLUMNS, dtype=np.float32),
                places=np.empty(TREES_AT_ONCE, dtype=np.int32),
            )
        return found


def _program(forest: Forest) -> BitProgram | None:
    try:
        return compile_bits(forest)
    except ForestRefusedError:
        return None


def _aligned(size: int) -> NDArray[np.uint8]:
    memory = np.empty(size + ALIGNMENT_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT_BYTES
    return memory[start : start + size]
