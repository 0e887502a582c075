"""Cache of machine code between starts.

numba's cache key has only the processor and the file of the outermost function. So the folder's name is a hash of every
source file of the code, and of the declared features, which are constants in it; otherwise a change could be missed.
Its files are pickles and machine code: anybody who can write there can run code in the server. So only the server's
user can access it, and if others could put files into it, nothing is read from it.

If our folder is opened to others later, as Kubernetes does with volumes for an `fsGroup`, it is removed with its
content and created again.
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
    """Load code from the cache, or compile and store it there. It is compiled at every start if we can't write the
    folder, or if others can.

    Args:
        folder: has one subfolder for each state of the sources.
        sources: all source files of the code.
        compile_all: compiles, and with True also caches.
    """
    kept = folder / f"{sources[0].stem}-{_digest(sources)}"
    with _alone_in(folder) as alone:
        if not _writable(kept):
            logger.warning("compiled code is not cached, so the next start compiles again: %s can't be written", kept)
            return compile_all(False)
        place = open_to_others(kept)
        if alone and place == kept.resolve() and place.stat().st_uid == os.geteuid():
            _make_anew(place)
            place = open_to_others(kept)
    if place is not None:
        logger.error("compiled code is not read from %s, since users other than its owner can write to %s", kept, place)
        return compile_all(False)
    with _one_at_a_time:
        usual = numba_config.CACHE_DIR
        numba_config.CACHE_DIR = str(kept)
        try:
            return compile_all(True)
        finally:
            numba_config.CACHE_DIR = usual


def open_to_others(folder: Path) -> Path | None:
    """The first folder on the path where users other than ours and root could change the content or replace the folder;
    None if there is none.

    Above the folder itself, a sticky folder such as /tmp is safe, and so is one writable only by our own private group,
    as many systems create them.
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
    """Lock out our other processes; False if a folder can't be locked, as on NFS."""
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
    """Replace a folder by an empty one that only our user can access. It is renamed first and deleted last: even if
    this process is killed, no file written by others stays in its place.
    """
    logger.warning("compiling again, since users other than the owner might have written to %s", folder)
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
