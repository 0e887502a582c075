"""The key of the store of answers: keyed digests reveal nothing of a request to a reader of the store.

A body could be guessed from its plain SHA-256, since most of it may be known. The key is stored beside the store, since
both must survive a restart, and only its owner can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from serve.prediction_log.segment import OWNER_ONLY

KEY_FILE: Final = "key"
KEY_BYTES: Final = 32


def store_key(folder: Path) -> bytes:
    """The key of the store in a folder, created by the first process.

    Raises:
        OSError: it can't be read or written.
    """
    path = folder / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    staging = folder / f"{KEY_FILE}.{secrets.token_hex(8)}.new"
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
        os.link(staging, path)
    except FileExistsError:
        pass  # another process was first
    finally:
        os.close(descriptor)
        staging.unlink()
    return path.read_bytes()


def keyed(key: bytes, digest: bytes) -> bytes:
    """The digest as stored."""
    return hmac.digest(key, digest, hashlib.sha256)
