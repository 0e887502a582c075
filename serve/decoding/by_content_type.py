"""The decoder of a batch, by the body's content type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from serve.decoding.arrow_stream import ARROW_FILE, ARROW_STREAM, decode_arrow
from serve.decoding.csv_table import decode_csv
from serve.decoding.json_batch import decode_batch
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.row_objects import decode_lines
from serve.decoding.rows import DecodedRows

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
LINES: Final = (NDJSON, "application/ndjson", "application/jsonl")
"""All content types of one format."""
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"

DecodeBatch = Callable[[bytes, int], DecodedRows]
"""(body, maximum number of rows) -> rows."""

BATCH_DECODERS: Final[Mapping[str, DecodeBatch]] = MappingProxyType(
    {
        "": decode_batch,
        JSON: decode_batch,
        **dict.fromkeys(LINES, decode_lines),
        ARROW_STREAM: decode_arrow,
        ARROW_FILE: decode_arrow,
        PARQUET: decode_parquet,
        CSV: decode_csv,
    }
)
"""A body without a content type is read as JSON."""
