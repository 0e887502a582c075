"""Apache Arrow's IPC stream or file to rows (arrow.apache.org/docs/format/Columnar.html, "IPC Streaming Format").

A few bytes can demand a lot of work: each batch has a set-up cost, even if empty, and all texts of a column of views
can refer to the same millions of bytes. So the number of batches, their metadata and the labels have limits that are
checked first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from fraud.features import FEATURE_NAMES
from serve.decoding.bounds import REQUIRED_NAMES, check_header, check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABEL_MAX_CHARS, LABELS, DecodedRows, label_faults
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, UnsupportedMediaType

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
ARROW_FILE: Final = "application/vnd.apache.arrow.file"

_FILE_MAGIC: Final = b"ARROW1"
_FILE_START_BYTES: Final = 8
_FILE_END: Final = struct.Struct("<I6s")

MAX_BATCHES: Final = 1024
METADATA_MAX_BYTES: Final = 64 * 1024
"""Maximum size of the metadata of the schema or of one batch; pandas writes about 3 kB."""
LABEL_MAX_BYTES: Final = 4 * LABEL_MAX_CHARS

# Positions of members in the flatbuffers of a message (arrow's format/Message.fbs).
_MESSAGE_HEADER: Final = 2
_BATCH_COMPRESSION: Final = 3
_DICTIONARY_DATA, _DICTIONARY_IS_DELTA = 1, 2


def decode_arrow(body: bytes, max_rows: int) -> DecodedRows:
    """A stream or file with the features as numeric columns, and perhaps labels as text -> rows.

    Raises:
        MalformedBody: not a stream, or a damaged one.
        UnsupportedMediaType: compressed buffers, or messages other than rows and dictionaries.
        InvalidInstance: a column is missing, unknown or of a wrong type, a required value is missing, a value is out of
            bounds, or the batch is empty.
        BodyTooLarge: more than `max_rows` rows or `MAX_BATCHES` batches, or an overlong schema.
    """
    try:
        batches = _read_batches(_stream_in(body), max_rows)
    except (pa.ArrowException, OSError, ValueError, StopIteration, struct.error) as error:
        # Arrow's messages may quote the data.
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
    labels = {name: _texts(name, table.column(name)) for name in LABELS if name in table.column_names}
    return checked_rows(matrix, labels, label_faults(labels))


def _stream_in(body: bytes) -> memoryview:
    """The stream of a body; of a file, the part between its magic and its footer."""
    whole = memoryview(body)
    if not body.startswith(_FILE_MAGIC):
        return whole
    size, magic = _FILE_END.unpack_from(body, len(body) - _FILE_END.size)
    if magic != _FILE_MAGIC or _FILE_START_BYTES + size + _FILE_END.size > len(body):
        raise MalformedBody("the Arrow file is cut off")
    return whole[_FILE_START_BYTES : len(body) - _FILE_END.size - size]


def _read_batches(body: memoryview, max_rows: int) -> list[Any]:
    source = pa.BufferReader(body)
    reader = pa.ipc.MessageReader.open_stream(source)
    first = reader.read_next_message()
    if first.type != "schema":  # read_schema does not check this, and would crash the process
        raise MalformedBody("an Arrow IPC stream begins with a schema")
    _check_size(first)
    schema = pa.ipc.read_schema(first)
    check_schema(schema)
    messages = list(islice(reader, MAX_BATCHES + 1))
    if len(messages) > MAX_BATCHES:
        raise BodyTooLarge(f"more than {MAX_BATCHES} record batches: send the rows in fewer batches")
    for message in messages:
        _check_size(message)
        _refuse_encoded(message)
    batches = []
    rows = 0
    for batch in map(_validated, _batches_in(body, schema, messages)):
        rows += batch.num_rows
        if rows > max_rows:
            raise BodyTooLarge(f"more than {max_rows} rows: at most {max_rows} are scored in one request")
        batches.append(batch)
    if source.tell() != len(body):
        raise MalformedBody("bytes follow the end of the Arrow IPC stream")
    return batches


def _batches_in(body: memoryview, schema: Any, messages: Sequence[Any]) -> Iterator[Any]:
    if all(message.type == "record batch" for message in messages):
        return (pa.ipc.read_record_batch(message, schema) for message in messages)
    # Only a reader of the whole stream resolves dictionaries.
    return iter(pa.ipc.open_stream(pa.BufferReader(body)))


def _check_size(message: Any) -> None:
    if message.metadata.size > METADATA_MAX_BYTES:
        raise BodyTooLarge(
            f"the metadata of an Arrow message is longer than {METADATA_MAX_BYTES} bytes: send only the columns of the "
            "model, without metadata"
        )


def _validated(batch: Any) -> Any:
    """Validate a batch's offsets and lengths, which come from the sender, before anything is read."""
    batch.validate()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string_view(column.type):
            _check_views(name, column)
    batch.validate(full=True)
    return batch


def _check_views(name: str, column: Any) -> None:
    """Check text lengths: views that share the same bytes are small to send and large to read."""
    _, views, *_ = column.buffers()
    if views is None:
        return
    # A view is its length and three more numbers of 32 bits ("Variable-size Binary View Layout").
    lengths = np.frombuffer(views, "<i4").reshape(-1, 4)[: len(column), 0]
    too_long = (lengths > LABEL_MAX_BYTES) & column.is_valid().to_numpy(zero_copy_only=False)
    if too_long.any():
        row = int(np.argmax(too_long))
        raise InvalidInstance(f"{name} of instance {row}: expected at most {LABEL_MAX_CHARS} characters", row, name)


_NUMBERS: Final = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def check_schema(schema: Any) -> None:
    """Check that the columns are the features as numbers, and optionally labels as text.

    Raises:
        InvalidInstance: naming a column that is missing, unknown, duplicate or of a wrong type.
    """
    check_header(schema.names)
    for field in schema:
        if field.name in LABELS:
            is_dictionary = pa.types.is_dictionary(field.type)
            suits = _is_label(field.type.value_type if is_dictionary else field.type, is_dictionary=is_dictionary)
        else:
            suits = any(is_kind(field.type) for is_kind in _NUMBERS)
        # A column with only nulls has a type of its own.
        may_be_null = field.name not in REQUIRED_NAMES
        if not suits and not (may_be_null and pa.types.is_null(field.type)):
            expected = "text or integers" if field.name in LABELS else "an integer, floating-point or decimal type"
            raise InvalidInstance(f"{field.name} is of type {field.type}: expected {expected}", field=field.name)


def _is_label(kind: Any, *, is_dictionary: bool) -> bool:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return True
    return not is_dictionary and (pa.types.is_string_view(kind) or pa.types.is_integer(kind))


def _texts(name: str, column: Any) -> list[str | None]:
    """A column's labels; integers are converted to text."""
    if pa.types.is_dictionary(column.type):
        # All rows may refer to the same megabytes.
        for row_chunk in column.chunks:
            longest = pyarrow.compute.max(pyarrow.compute.binary_length(row_chunk.dictionary)).as_py()
            if (longest or 0) > LABEL_MAX_BYTES:
                raise InvalidInstance(f"{name}: expected at most {LABEL_MAX_CHARS} characters", field=name)
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    texts: list[str | None] = column.to_pylist()
    return texts


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """A column's numbers; NaN for null."""
    if pa.types.is_decimal(column.type):
        # Converting through text yields the nearest float64; Arrow's own conversion may be off by one ulp.
        column = column.cast(pa.string()).cast(pa.float64())
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    values: np.ndarray[Any, Any] = column.to_numpy()
    return values


def _refuse_encoded(message: Any) -> None:
    """Refuse compressed buffers, whose decompressed size has no limit, unlike that of a whole compressed body."""
    if message.type not in {"record batch", "dictionary"}:
        raise UnsupportedMediaType(f"an Arrow message of type {message.type!r}: expected plain record batches")
    metadata = message.metadata.to_pybytes()
    (root,) = struct.unpack_from("<I", metadata)
    header = _member(metadata, root, _MESSAGE_HEADER)
    if header is None:
        raise MalformedBody("an Arrow message has no header")
    table = _table_at(metadata, header)
    if message.type == "dictionary":
        is_delta = _member(metadata, table, _DICTIONARY_IS_DELTA)
        if is_delta is not None and metadata[is_delta]:
            raise UnsupportedMediaType("an Arrow dictionary that adds to another one: send whole dictionaries")
        data = _member(metadata, table, _DICTIONARY_DATA)
        if data is None:
            raise MalformedBody("an Arrow dictionary has no data")
        table = _table_at(metadata, data)
    if _member(metadata, table, _BATCH_COMPRESSION) is not None:
        raise UnsupportedMediaType("the Arrow buffers are compressed: send them plain, with a Content-Encoding")


def _table_at(flatbuffer: bytes, place: int) -> int:
    """The position of the table that the member points to."""
    (offset,) = struct.unpack_from("<I", flatbuffer, place)
    return place + int(offset)


def _member(flatbuffer: bytes, table: int, position: int) -> int | None:
    """The position of a member of a flatbuffer's table; None if it is absent (flatbuffers.dev, "Internals")."""
    (back,) = struct.unpack_from("<i", flatbuffer, table)
    (size,) = struct.unpack_from("<H", flatbuffer, table - back)
    slot = 4 + 2 * position
    if slot + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", flatbuffer, table - back + slot)
    return table + offset if offset else None
