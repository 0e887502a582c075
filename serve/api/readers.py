"""How a protocol's decoder and its writer of answers become what a scoring route needs."""

from __future__ import annotations

import functools
from collections.abc import Callable

from serve.decoding import DecodedRows
from serve.model.model_store import Manifest
from serve.scoring.asks import NO_ASKS, Asks, tolerated
from serve.scoring.call import Read, Write
from serve.scoring.notes import WriteNoted, write_noted


def reader(decode: Callable[[bytes], DecodedRows], write: WriteNoted, asks: Asks) -> Read:
    """Reads bodies by `decode` and has them answered by `write`, with the notes that are asked for."""
    if asks == NO_ASKS:
        return lambda body, _manifest: (decode(body), write)

    def read(body: bytes, _manifest: Manifest) -> tuple[DecodedRows, Write]:
        rows = tolerated(lambda: decode(body), asks)
        return rows, functools.partial(write_noted, write, rows, asks)

    return read
