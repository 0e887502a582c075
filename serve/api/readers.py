"""How a protocol's decoder and its writer of answers become what a scoring route needs."""

from __future__ import annotations

from collections.abc import Callable

from serve.decoding import DecodedRows
from serve.model.model_store import Manifest
from serve.scoring.asks import NO_ASKS, Asks, tolerated
from serve.scoring.call import Read
from serve.scoring.notes import Write, WriteNoted, write_noted, write_plain


def reader(decode: Callable[[bytes], DecodedRows], write: WriteNoted, asks: Asks) -> Read:
    """Reads bodies by `decode` and has them answered by `write`, with the notes that are asked for."""
    if asks == NO_ASKS:
        plain = write_plain(write)
        return lambda body, _manifest: (decode(body), plain)

    def read(body: bytes, _manifest: Manifest) -> tuple[DecodedRows, Write]:
        rows = tolerated(lambda: decode(body), asks)
        return rows, write_noted(write, rows, asks)

    return read
