"""Where machine code is kept between starts.

numba's cache is keyed by the processor and by the file of the outermost function alone, so a folder named by the hash
of every file that goes into the code, and of the declared features, which are constants in it, keeps a changed one from
being overlooked. Its files are pickles and machine code:
whoever may write there runs code in the server. So it is made for the server's own user alone, and where anybody else
could put files into it, nothing is read from it.

A folder of ours that was opened to others afterwards, as Kubernetes does with all of a volume for its `fsGroup`, is put
away with all that is in it, and made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from numba.core import config

from fraud.features import FEATURES

logger = logging.getLogger(__name__)

OWNER_ONLY: Final = 0o700

numba_config: Final[Any] = config  # numba does not annotate it
_one_at_a_time = threading.Lock()

Code = TypeVar("Code")


def load_code(folder: Path, sources: Sequence[Path], compile_all: Callable[[bool], Code]) -> Code:
    """Code from the cache, or compiled and kept there; compiled at every start where the folder can't be written, or
    can be written by others.

    Args:
        folder: holds a folder for each state of the sources.
        sources: every file that goes into the code.
        compile_all: compiles, and keeps what it compiles where it is told to (True).
    """
    kept = folder / f"{sources[0].stem}-{_digest(sources)}"
    with _alone_in(folder) as alone:
        if not _writable(kept):
            logger.warning("compiled code is not kept, the next start compiles again: %s can't be written", kept)
            return compile_all(False)
        place = open_to_others(kept)
        if alone and place == kept.resolve() and place.stat().st_uid == os.geteuid():
            _make_anew(place)
            place = open_to_others(kept)
    if place is not None:
        logger.error("compiled code is not read from %s, since others than its user may write to %s", kept, place)
        return compile_all(False)
    with _one_at_a_time:
        usual = numba_config.CACHE_DIR
        numba_config.CACHE_DIR = str(kept)
        try:
            return compile_all(True)
        finally:
            numba_config.CACHE_DIR = usual


def open_to_others(folder: Path) -> Path | None:
    """Where somebody else than our user and root could change what is in the folder, or put another in its place; None
    when nowhere.

    Above the folder itself, a folder in which only owners may rename (as in /tmp) will do, and so will one that only
    our own group may write to, as many systems make them.
    """
    folder = folder.resolve()
    trusted = {0, os.geteuid()}
    status = folder.stat()
    if status.st_uid not in trusted or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return folder
    for place in folder.parents:
        status = place.stat()
        for_group = status.st_mode & stat.S_IWGRP and status.st_gid not in {0, os.getegid()}
        shared = (for_group or status.st_mode & stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
        if status.st_uid not in trusted or shared:
            return place
    return None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Keep other processes of ours out; False where a folder can't be locked, as on NFS."""
    descriptor = None
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        is_alone = False
    else:
        is_alone = True
    try:
        yield is_alone
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _make_anew(folder: Path) -> None:
    """Replace a folder by an empty one that is ours alone.

    It is renamed first and emptied last: whenever this process is killed, nothing that others wrote is in its place.
    """
    logger.warning("compiled code is made again, since others than its user might have written to %s", folder)
    old = Path(tempfile.mkdtemp(prefix="opened-", dir=folder.parent))
    folder.rename(old)
    folder.mkdir(mode=OWNER_ONLY)
    shutil.rmtree(old, ignore_errors=True)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _digest(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256(msgspec.json.encode(FEATURES))
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
