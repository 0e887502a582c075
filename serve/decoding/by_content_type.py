"""Which decoder reads a batch, by the body's content type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from serve.decoding.arrow_stream import ARROW_STREAM, decode_arrow
from serve.decoding.json_batch import decode_batch
from serve.decoding.row_objects import decode_lines
from serve.decoding.rows import DecodedRows

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

DecodeBatch = Callable[[bytes, int], DecodedRows]
"""A body and the most rows that it may have -> rows."""

BATCH_DECODERS: Final[Mapping[str, DecodeBatch]] = MappingProxyType(
    {"": decode_batch, JSON: decode_batch, NDJSON: decode_lines, ARROW_STREAM: decode_arrow}
)
"""A body that does not say what it is is taken for JSON."""
