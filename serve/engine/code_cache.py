"""Where machine code is kept between starts.

numba's cache is keyed by the processor and by the file of the outermost function alone, so a folder named by the hash
of every file that goes into the code keeps a changed one from being overlooked. Its files are pickles and machine code:
whoever may write there runs code in the server, so the folder belongs to the server's own user.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from numba.core import config

logger = logging.getLogger(__name__)

numba_config: Final[Any] = config  # numba does not annotate it
_one_at_a_time = threading.Lock()

Code = TypeVar("Code")


def load_code(folder: Path, sources: Sequence[Path], compile_all: Callable[[bool], Code]) -> Code:
    """Code from the cache, or compiled and kept there; where the folder can't be written, compiled at every start.

    Args:
        folder: holds a folder for each state of the sources.
        sources: every file that goes into the code.
        compile_all: compiles, and keeps what it compiles where it is told to (True).
    """
    kept = folder / f"{sources[0].stem}-{_digest(sources)}"
    if not _writable(kept):
        logger.warning("compiled code is not kept, the next start compiles again: %s can't be written", kept)
        return compile_all(False)
    with _one_at_a_time:
        usual = numba_config.CACHE_DIR
        numba_config.CACHE_DIR = str(kept)
        try:
            return compile_all(True)
        finally:
            numba_config.CACHE_DIR = usual


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _digest(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
