"""Error messages of stores such as S3, in our own words: the library's may quote what was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from serve.batch.errors import StoreError

_KIND: Final = re.compile(r"AWS Error ([A-Z_]+)")
_STATUS: Final = re.compile(r"HTTP response code:? (\d{3})|HTTP Status Code: (\d{3})")
_KEY: Final = re.compile(r"key '([^']*)'")
_BUCKET: Final = re.compile(r"[Bb]ucket '([^']*)'")
_NO_BUCKET: Final = "the bucket does not exist: expected an existing one"
_DENIED: Final = (
    "access is denied: expected keys that allow reading inputs, and writing, listing and deleting in the output"
)
_WRONG_KEYS: Final = "the keys are not accepted: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of this store"
_UNREACHABLE: Final = "the store can't be reached: is the endpoint right?"
_WORDS: Final = MappingProxyType(
    {
        "NO_SUCH_BUCKET": _NO_BUCKET,
        "ACCESS_DENIED": _DENIED,
        "INVALID_ACCESS_KEY_ID": _WRONG_KEYS,
        "SIGNATURE_DOES_NOT_MATCH": _WRONG_KEYS,
        "INVALID_SIGNATURE": _WRONG_KEYS,
        "NETWORK_CONNECTION": _UNREACHABLE,
    }
)


@contextmanager
def plain_store_faults() -> Iterator[None]:
    """In the block, errors of a store are raised as StoreError.

    Raises:
        StoreError: a store refuses a request, or does not answer.
    """
    try:
        yield
    except OSError as error:
        if (told := store_fault(error)) is None:
            raise
        raise StoreError(told) from None


def store_fault(error: BaseException) -> str | None:
    """The fault, and its place if known; None if it is not a store's error."""
    text = str(error)
    kind = _KIND.search(text)
    if kind is None and not _BUCKET.search(text):
        return None
    where = _where(text)
    what = _WORDS.get(kind[1]) if kind else None
    if what is None and "not found" in text:
        what = _NO_BUCKET
    return f"{where}{what or f'the store refused the request ({kind[1] if kind else type(error).__name__})'}"


def _where(text: str) -> str:
    bucket, key = _BUCKET.search(text), _KEY.search(text)
    if bucket is None:
        return ""
    return f"s3://{bucket[1]}{f'/{key[1]}' if key else ''}: "
