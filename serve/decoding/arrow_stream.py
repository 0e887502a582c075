"""Apache Arrow's IPC stream to rows (arrow.apache.org/docs/format/Columnar.html, "IPC Streaming Format").

A few bytes of it can ask for a lot: each batch costs its set-up, however empty, and the texts of a column of views may
all be the same millions of bytes. So batches, what describes them, and labels have bounds that are looked at first.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa

from fraud.features import FEATURE_NAMES
from serve.decoding.bounds import REQUIRED_NAMES, check_header, check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABEL_MAX_CHARS, LABELS, DecodedRows, label_faults
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, UnsupportedMediaType

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"

MAX_BATCHES: Final = 1024
METADATA_MAX_BYTES: Final = 64 * 1024
"""Of what describes the schema or one batch; pandas writes some 3 kB."""
LABEL_MAX_BYTES: Final = 4 * LABEL_MAX_CHARS

# Positions of members in the flatbuffers of a message (arrow's format/Message.fbs).
_MESSAGE_HEADER: Final = 2
_BATCH_COMPRESSION: Final = 3


def decode_arrow(body: bytes, max_rows: int) -> DecodedRows:
    """A stream with the features as numeric columns, and perhaps labels as text -> rows.

    Raises:
        MalformedBody: not a stream, or a damaged one.
        UnsupportedMediaType: the buffers are compressed or dictionary-encoded.
        InvalidInstance: a column is missing, unknown or of a wrong type, values are missing that may not be, or out of
            bounds; or the batch is empty.
        BodyTooLarge: more than `max_rows` rows, or than `MAX_BATCHES` batches; or a schema without end.
    """
    try:
        batches = _read_batches(body, max_rows)
    except (pa.ArrowException, OSError, ValueError, StopIteration, struct.error) as error:
        # Arrow's own words may quote the data.
        raise MalformedBody(f"the body is not a valid Arrow IPC stream ({type(error).__name__})") from None
    if not batches:
        check_row_count(0, max_rows)
    return rows_of_table(pa.Table.from_batches(batches), max_rows)


def rows_of_table(table: Any, max_rows: int) -> DecodedRows:
    """An Arrow table whose columns have been validated -> rows.

    Raises:
        InvalidInstance, BodyTooLarge: as `decode_arrow`.
    """
    check_schema(table.schema)
    check_row_count(table.num_rows, max_rows)
    given = [name for name in FEATURE_NAMES if name in table.column_names]
    matrix = matrix_of_columns({name: _numbers(table.column(name)) for name in given}, table.num_rows)
    labels = {name: table.column(name).to_pylist() for name in LABELS if name in table.column_names}
    return checked_rows(matrix, labels, label_faults(labels))


def _read_batches(body: bytes, max_rows: int) -> list[Any]:
    source = pa.BufferReader(body)
    reader = pa.ipc.MessageReader.open_stream(source)
    first = reader.read_next_message()
    if first.type != "schema":  # read_schema does not look, and brings the process down
        raise MalformedBody("an Arrow IPC stream begins with a schema")
    _check_size(first)
    schema = pa.ipc.read_schema(first)
    check_schema(schema)
    messages = list(islice(reader, MAX_BATCHES + 1))
    if len(messages) > MAX_BATCHES:
        raise BodyTooLarge(f"more than {MAX_BATCHES} record batches: send the rows in fewer batches")
    batches = []
    rows = 0
    for message in messages:
        _check_size(message)
        _refuse_encoded(message)
        batch = _validated(pa.ipc.read_record_batch(message, schema))
        rows += batch.num_rows
        if rows > max_rows:
            raise BodyTooLarge(f"more than {max_rows} rows: at most {max_rows} are scored in one request")
        batches.append(batch)
    if source.tell() != len(body):
        raise MalformedBody("bytes follow the end of the Arrow IPC stream")
    return batches


def _check_size(message: Any) -> None:
    if message.metadata.size > METADATA_MAX_BYTES:
        raise BodyTooLarge(
            f"the metadata of an Arrow message is longer than {METADATA_MAX_BYTES} bytes: send only the columns of the "
            "model, without metadata"
        )


def _validated(batch: Any) -> Any:
    """A batch whose offsets and lengths, which are the sender's, have been looked at: nothing is read before this."""
    batch.validate()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string_view(column.type):
            _check_views(name, column)
    batch.validate(full=True)
    return batch


def _check_views(name: str, column: Any) -> None:
    """Texts that lie in the same bytes are few bytes to send and many to read."""
    _, views, *_ = column.buffers()
    if views is None:
        return
    # A view is its length and three more numbers of 32 bits ("Variable-size Binary View Layout").
    lengths = np.frombuffer(views, "<i4").reshape(-1, 4)[: len(column), 0]
    too_long = (lengths > LABEL_MAX_BYTES) & column.is_valid().to_numpy(zero_copy_only=False)
    if too_long.any():
        row = int(np.argmax(too_long))
        raise InvalidInstance(f"{name} of instance {row}: expected at most {LABEL_MAX_CHARS} characters", row, name)


def check_schema(schema: Any) -> None:
    """The columns are the features as numbers, and perhaps labels as text.

    Raises:
        InvalidInstance: naming a column that is missing, unknown, there twice or of another type.
    """
    check_header(schema.names)
    for field in schema:
        if field.name in LABELS:
            suits = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
            suits = suits or pa.types.is_string_view(field.type)
        else:
            suits = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        # A column that has nothing but nulls is of a type of its own.
        may_be_null = field.name not in REQUIRED_NAMES
        if not suits and not (may_be_null and pa.types.is_null(field.type)):
            expected = "text" if field.name in LABELS else "an integer or floating-point type"
            raise InvalidInstance(f"{field.name} is of type {field.type}: expected {expected}", field=field.name)


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """A column's numbers, NaN where it has a null."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    values: np.ndarray[Any, Any] = column.to_numpy()
    return values


def _refuse_encoded(message: Any) -> None:
    """No bound holds what is compressed inside of a stream; a whole body that is compressed has one."""
    if message.type != "record batch":
        raise UnsupportedMediaType(f"an Arrow message of type {message.type!r}: expected plain record batches")
    metadata = message.metadata.to_pybytes()
    (root,) = struct.unpack_from("<I", metadata)
    header = _member(metadata, root, _MESSAGE_HEADER)
    if header is None:
        raise MalformedBody("an Arrow message has no header")
    (offset,) = struct.unpack_from("<I", metadata, header)
    if _member(metadata, header + offset, _BATCH_COMPRESSION) is not None:
        raise UnsupportedMediaType("the Arrow buffers are compressed: send them plain, with a Content-Encoding")


def _member(flatbuffer: bytes, table: int, position: int) -> int | None:
    """Where a member of a flatbuffer's table lies; None when it is absent (flatbuffers.dev, "Internals")."""
    (back,) = struct.unpack_from("<i", flatbuffer, table)
    (size,) = struct.unpack_from("<H", flatbuffer, table - back)
    slot = 4 + 2 * position
    if slot + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", flatbuffer, table - back + slot)
    return table + offset if offset else None
