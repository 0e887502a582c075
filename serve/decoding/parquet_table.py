"""A Parquet file, as `pandas.DataFrame.to_parquet` writes it, to rows."""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet

from serve.decoding.arrow_stream import check_schema, rows_of_table
from serve.decoding.bounds import check_row_count
from serve.decoding.parquet_pages import check_pages
from serve.decoding.rows import LABELS, DecodedRows
from serve.errors import BodyTooLarge, MalformedBody

FOOTER_MAX_BYTES: Final = 256 * 1024
"""Maximum size of a footer; pandas writes about 5 kB."""

_MAGIC: Final = b"PAR1"
_TAIL: Final = struct.Struct("<I4s")


class _PandasMetadata(msgspec.Struct):
    index_columns: list[Any] = []


def decode_parquet(body: bytes, max_rows: int) -> DecodedRows:
    """A file with the features as numeric columns, and optionally labels as text, in any order -> rows. Columns that
    pandas has saved as the index of a frame are ignored.

    Raises:
        MalformedBody: not Parquet, or a damaged file.
        UnsupportedMediaType: an encoding that can expand far beyond what was sent.
        InvalidInstance: a column is missing, unknown or of a wrong type, a required value is missing, a value is out of
            bounds, or there is no row.
        BodyTooLarge: more than `max_rows` rows, or too large when decompressed.
    """
    checked_parquet(body, max_rows)
    try:
        return _read(body, max_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        # Arrow's messages may quote the data.
        raise MalformedBody(f"the body is not a valid Parquet file ({type(error).__name__})") from None


def checked_parquet(body: bytes, max_rows: int) -> None:
    """Check that a file is safe for Arrow to read: walk its pages first, since its footer may lie.

    Raises:
        MalformedBody, UnsupportedMediaType, BodyTooLarge: as `decode_parquet`.
    """
    check_pages(memoryview(body), _footer_of(body), max_rows)


def _footer_of(body: bytes) -> memoryview:
    if len(body) < len(_MAGIC) + _TAIL.size or not body.startswith(_MAGIC):
        raise MalformedBody("the body is not a Parquet file")
    size, magic = _TAIL.unpack_from(body, len(body) - _TAIL.size)
    if magic != _MAGIC:
        raise MalformedBody("the body is not a Parquet file, or is cut off")
    if size > FOOTER_MAX_BYTES:
        raise BodyTooLarge(f"the footer of the Parquet file is longer than {FOOTER_MAX_BYTES} bytes")
    if size > len(body) - _TAIL.size:
        raise MalformedBody("the body is not a Parquet file, or is cut off")
    return memoryview(body)[-_TAIL.size - size : -_TAIL.size]


def _read(body: bytes, max_rows: int) -> DecodedRows:
    metadata = pyarrow.parquet.read_metadata(pa.BufferReader(body))
    schema = metadata.schema.to_arrow_schema()
    columns = checked_columns(schema)
    check_row_count(metadata.num_rows, max_rows)
    # Keep texts dictionary-encoded until their length is known: all rows may refer to the same megabytes.
    file = pyarrow.parquet.ParquetFile(
        pa.BufferReader(body), metadata=metadata, read_dictionary=[name for name in LABELS if name in columns]
    )
    table = file.read(columns=columns, use_threads=False)
    table.validate(full=True)
    return rows_of_table(table, max_rows)


def checked_columns(schema: Any) -> list[str]:
    """The columns to read of a file with this schema: all except those that pandas has saved as an index.

    Raises:
        InvalidInstance: as `check_schema`.
    """
    columns = [name for name in schema.names if name not in _index_columns(schema)]
    check_schema(pa.schema([field for field in schema if field.name in columns]))
    return columns


def _index_columns(schema: Any) -> list[Any]:
    saved = (schema.metadata or {}).get(b"pandas", b"{}")
    try:
        return msgspec.json.decode(saved, type=_PandasMetadata).index_columns
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
