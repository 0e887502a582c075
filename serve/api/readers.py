"""Combines a protocol's decoder and answer writer into a scoring route's reader."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from serve.decoding import DecodedRows
from serve.model.model_store import Manifest
from serve.scoring.asks import NO_ASKS, Asks, tolerated
from serve.scoring.call import Read
from serve.scoring.notes import WriteNoted, noted


def reader(decode: Callable[[bytes], DecodedRows], write: WriteNoted, asks: Asks) -> Read:
    """A reader that decodes bodies by `decode` and answers by `write`, with the requested notes."""
    if asks == NO_ASKS:
        return lambda body, _manifest: (decode(body), write)

    def read(body: bytes, _manifest: Manifest) -> tuple[DecodedRows, WriteNoted]:
        rows = tolerated(lambda: decode(body), asks)
        if asks.reasons:
            rows = msgspec.structs.replace(rows, reasons=asks.reasons)
        return rows, noted(write, rows, asks)

    return read
