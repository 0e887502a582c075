"""Files of answers: writing each format, and joining parts to one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from serve.batch.formats import Format, Kind
from serve.batch.locations import Location

GROUP_BYTES: Final = 8 * 1024 * 1024
"""Answers in a row group of Parquet."""
COPY_BYTES: Final = 1024 * 1024


class AnswerFile(Protocol):
    """A file that is written from beginning to end."""

    def write(self, batch: Any) -> None:
        """Append a record batch."""


class _ParquetAnswers:
    """Collects batches into row groups of a size that suits readers."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._batches: list[Any] = []
        self._bytes = 0

    def write(self, batch: Any) -> None:
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches, self._bytes = [], 0


@contextmanager
def answer_file(location: Location, file_format: Format, schema: Any, *, header: bool = True) -> Iterator[AnswerFile]:
    """Open a new file for writing, a CSV with a header line if `header`. It is complete when the block ends."""
    compression = file_format.compression or None
    with location.filesystem.open_output_stream(location.path, compression=compression) as sink:
        if file_format.kind is Kind.PARQUET:
            with _parquet_writer(sink, schema) as writer:
                answers = _ParquetAnswers(writer)
                yield answers
                answers.flush()
        elif file_format.kind is Kind.ARROW:
            with pa.ipc.new_file(sink, schema) as writer:
                yield writer
        else:
            options = pyarrow.csv.WriteOptions(include_header=header, quoting_header="none")
            with pyarrow.csv.CSVWriter(sink, schema, write_options=options) as writer:
                yield writer


def join(parts: Sequence[Location], target: Location, file_format: Format, schema: Any) -> None:
    """Join all parts to one file, in order; only the first of CSV parts has a header line."""
    if file_format.kind is Kind.CSV:
        with target.filesystem.open_output_stream(target.path, compression=None) as sink:
            for part in parts:
                _append(part, sink)
        return
    with answer_file(target, file_format, schema) as answers:
        for part in parts:
            for batch in _batches_of(part, file_format):
                answers.write(batch)


def _parquet_writer(sink: Any, schema: Any) -> Any:
    # Probabilities and ids rarely repeat.
    return pq.ParquetWriter(sink, schema, use_dictionary=False)


def _append(part: Location, sink: Any) -> None:
    # Consecutive gzip members, or zstd frames, form one valid file (RFC 1952, 2.2; RFC 8878, 3).
    with part.filesystem.open_input_stream(part.path, compression=None) as file:
        while piece := file.read(COPY_BYTES):
            sink.write(piece)


def _batches_of(part: Location, file_format: Format) -> Iterator[Any]:
    with part.filesystem.open_input_file(part.path) as file:
        if file_format.kind is Kind.PARQUET:
            yield from pq.ParquetFile(file, pre_buffer=False).iter_batches(use_threads=False)
            return
        with pa.ipc.open_file(file) as reader:
            yield from map(reader.get_batch, range(reader.num_record_batches))
