"""Arrow IPC: files are cut at record batches, streams are read from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa

from serve.batch.inputs import InputFile
from serve.batch.locations import Location
from serve.batch.reading import CHUNK_ROWS, PART_ROWS, faults_of, good_rows
from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import check_schema, rows_of_table
from serve.decoding.bounds import check_row_count

_FILE_MAGIC: Final = b"ARROW1"


@dataclass(frozen=True, slots=True)
class ArrowSlice:
    """Consecutive record batches; of a stream, all of them."""

    location: Location
    batches: range | None

    def rows(self) -> Iterator[DecodedRows]:
        """The rows, a chunk at a time."""
        with faults_of(self.location), _opened(self.location) as reader:
            for batch in reader if self.batches is None else map(reader.get_batch, self.batches):
                batch.validate(full=True)
                for start in range(0, batch.num_rows, CHUNK_ROWS):
                    table = pa.Table.from_batches([batch.slice(start, CHUNK_ROWS)])
                    yield good_rows(partial(rows_of_table, table, CHUNK_ROWS))


def check(file: InputFile) -> Sequence[str]:
    """The columns of a file; refuses a file that is not Arrow, has no rows, or lacks the features as columns.

    Raises:
        InputError: naming the fault.
    """
    with faults_of(file.location), _opened(file.location) as reader:
        check_schema(reader.schema)
        batches = reader if _is_stream(reader) else map(reader.get_batch, range(reader.num_record_batches))
        check_row_count(int(any(batch.num_rows for batch in batches)), 1)
        columns: list[str] = reader.schema.names
    return columns


def cut(file: InputFile) -> Iterator[tuple[ArrowSlice, int]]:
    """The parts of the file, with their sizes in bytes."""
    size = file.location.info().size
    with faults_of(file.location), _opened(file.location) as reader:
        if _is_stream(reader):
            yield ArrowSlice(file.location, None), size
            return
        count = reader.num_record_batches
        step = max(1, PART_ROWS // max(1, reader.get_batch(0).num_rows))
    for start in range(0, count, step):
        batches = range(start, min(start + step, count))
        yield ArrowSlice(file.location, batches), size * len(batches) // count


def _is_stream(reader: Any) -> bool:
    return isinstance(reader, pa.RecordBatchStreamReader)


@contextmanager
def _opened(location: Location) -> Iterator[Any]:
    with location.filesystem.open_input_file(location.path) as file:
        is_file = file.read(len(_FILE_MAGIC)) == _FILE_MAGIC
        file.seek(0)
        with pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file) as reader:
            yield reader
