"""Compiles the kernels' code when a model is loaded, once for each machine: the code is the same for every model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from numba import types

from serve.engine.bit_blocks import score_blocks
from serve.engine.code_cache import load_code
from serve.engine.contributions.row_lookup import explain_rows
from serve.engine.jit import compiled
from serve.engine.row_walk import score_rows

HERE: Final = Path(__file__).parent

SOURCES: Final = (
    "bit_blocks.py",
    "bit_program.py",
    "contributions/row_lookup.py",
    "contributions/tables.py",
    "jit.py",
    "node_table.py",
    "row_walk.py",
    "sigmoid.py",
    "vector_ir.py",
)

DEFAULT_CACHE_DIR: Final = HERE / "__pycache__"

BLOCK_WORDS: Final = (1, 4, 8)
"""W of the block sizes: 64, 256 and 512 rows. A larger block costs less for each row, a smaller one wastes fewer rows.
"""

tuple_type: Final[Any] = types.UniTuple  # numba does not annotate it

# Rows may come from any buffer, so they need be neither aligned nor writable.
ROWS: Final = types.Array(types.float32, 2, "C", readonly=True, aligned=False)
FLOATS: Final = types.float32[::1]
INTEGERS: Final = types.int32[::1]
WORDS: Final = types.uint64[::1]

BLOCK_SIGNATURES: Final = [
    types.void(
        *(ROWS, FLOATS, types.boolean, types.int32[:, ::1], FLOATS, INTEGERS, FLOATS, FLOATS, WORDS),
        tuple_type(types.int64, words),
    )
    for words in BLOCK_WORDS
]
ROW_SIGNATURES: Final = [types.void(ROWS, FLOATS, types.boolean, INTEGERS, FLOATS, INTEGERS, FLOATS, INTEGERS)]
EXPLAIN_SIGNATURES: Final = [
    types.void(
        *(ROWS, types.float32[:, ::1], FLOATS, INTEGERS, types.int32[:, ::1], INTEGERS, INTEGERS, INTEGERS, FLOATS),
        *(INTEGERS, types.float64[::1]),
    )
]


@dataclass(frozen=True, slots=True)
class CompiledCode:
    """`score_blocks`, `score_rows` and `explain_rows` as machine code, for their declared types only; calls never
    compile.
    """

    score_blocks: Any
    score_rows: Any
    explain_rows: Any


@cache
def compile_code(cache_dir: Path | None) -> CompiledCode:
    """Load the machine code from the cache in `cache_dir` (None: beside the source), or compile it and cache it there.

    Raises:
        ForestRefusedError: numba can't compile for this machine.
    """
    return load_code(cache_dir or DEFAULT_CACHE_DIR, [HERE / source for source in SOURCES], _compile)


def _compile(cached: bool) -> CompiledCode:
    return CompiledCode(
        compiled(score_blocks, BLOCK_SIGNATURES, cached=cached),
        compiled(score_rows, ROW_SIGNATURES, cached=cached),
        compiled(explain_rows, EXPLAIN_SIGNATURES, cached=cached),
    )
