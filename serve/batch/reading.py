"""Shared by the readers of all formats: sizes of parts and chunks, and messages of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from serve.batch.errors import InputError, StoreError
from serve.batch.locations import Location
from serve.batch.store_faults import store_fault
from serve.decoding import DecodedRows
from serve.decoding.checked_rows import FaultyRows
from serve.errors import ServeError

CHUNK_ROWS: Final = 65_536
"""Rows of a chunk: its matrix and Arrow buffers fit in a core's cache."""
PART_ROWS: Final = 8 * CHUNK_ROWS
NO_LIMIT: Final = 2**62
"""No limit: request bodies are limited since strangers send them, but these files are our own."""


def good_rows(decode: Callable[[], DecodedRows]) -> DecodedRows:
    """The valid rows that `decode` reads, with the faults of the others."""
    try:
        return decode()
    except FaultyRows as found:
        return found.good


@contextmanager
def faults_of(location: Location, place: str = "") -> Iterator[None]:
    """In the block, errors of reading name the file.

    Raises:
        InputError: the file can't be read, or has the wrong format.
    """
    where = f"{location}{place}"
    try:
        yield
    except ServeError as fault:
        told = fault.message.replace("the body", "the file").replace("the batch", "the file")
        raise InputError(where, told) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        if (refused := store_fault(error)) is not None:
            raise StoreError(refused) from None
        # Arrow's messages may quote the data.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(where, f"can't be read ({reason}): is it complete, and of the format in its name?") from None
