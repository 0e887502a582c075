"""Compiles the kernels' code when a model is loaded, once a machine: the code is the same for every model.

numba's cache is keyed by the processor and by the file of the outermost function alone, so a folder named by the hash
of every file that goes into the code keeps a changed one from being overlooked. Its files are pickles and machine code:
whoever may write there runs code in the server, so the folder belongs to the server's own user.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from numba import types
from numba.core import config

from serve.engine.bit_blocks import score_blocks
from serve.engine.jit import compiled
from serve.engine.row_walk import score_rows

logger = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent

SOURCES: Final = (
    "bit_blocks.py",
    "bit_program.py",
    "jit.py",
    "node_table.py",
    "row_walk.py",
    "sigmoid.py",
    "vector_ir.py",
)

DEFAULT_CACHE_DIR: Final = HERE / "__pycache__"

BLOCK_WORDS: Final = (1, 4, 8)
"""W of the block sizes: 64, 256 and 512 rows. A larger block is cheaper a row, a smaller one wastes fewer rows."""

# numba annotates neither of the two.
numba_config: Final[Any] = config
tuple_type: Final[Any] = types.UniTuple

# Rows may come from any buffer, so nothing is asked of their alignment or of the right to write.
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

_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class CompiledCode:
    """`score_blocks` and `score_rows` as machine code; they take their declared types and compile nothing further."""

    score_blocks: Any
    score_rows: Any


@cache
def compile_code(cache_dir: Path | None) -> CompiledCode:
    """Load the machine code from the cache in `cache_dir` (None: beside the source), or compile and keep it there.

    Where the folder can't be written, it is compiled at every start, which takes some seconds.

    Raises:
        ForestRefusedError: numba can't compile for this machine.
    """
    folder = (cache_dir or DEFAULT_CACHE_DIR) / f"kernels-{_sources_digest()}"
    if not _writable(folder):
        logger.warning("compiled code is not kept, the next start compiles again: %s can't be written", folder)
        return _compile(cached=False)
    with _one_at_a_time:
        usual = numba_config.CACHE_DIR
        numba_config.CACHE_DIR = str(folder)
        try:
            return _compile(cached=True)
        finally:
            numba_config.CACHE_DIR = usual


def _compile(*, cached: bool) -> CompiledCode:
    return CompiledCode(
        compiled(score_blocks, BLOCK_SIGNATURES, cached=cached), compiled(score_rows, ROW_SIGNATURES, cached=cached)
    )


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update((HERE / source).read_bytes())
    return digest.hexdigest()[:16]
