"""Parquet and Arrow files (stream or file) -> batches of columns, each row with its number from 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from initdb.applications.batch import BATCH_ROWS, Batch, Progress
from initdb.errors import ApplicationsFileError


class ArrowFile(ABC):
    """Record batches behind one another; how they are read is each kind's own."""

    unit = "row"

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            self.names = list(self._schema().names)

    def batches(self, wanted: Sequence[str], progress: Progress) -> Iterator[Batch]:
        """The columns that are wanted, in whatever types they have."""
        before = 0
        with self._errors():
            for part, read_bytes in self._parts(wanted):
                # A batch of a file may be all of it.
                for start in range(0, part.num_rows, BATCH_ROWS):
                    rows = part.slice(start, BATCH_ROWS)
                    columns = {name: rows.column(rows.schema.names.index(name)) for name in wanted}
                    yield Batch(columns, np.arange(before + 1, before + 1 + rows.num_rows))
                    before += rows.num_rows
                progress(read_bytes)

    @abstractmethod
    def _schema(self) -> pa.Schema:
        """The columns."""

    @abstractmethod
    def _parts(self, wanted: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Record batches, with how many bytes of the file each took."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ApplicationsFileError(self.path, error.strerror or " ".join(str(error).split())) from error
        except pa.ArrowException as error:
            raise ApplicationsFileError(self.path, f"can't be read ({' '.join(str(error).split())})") from error


class ParquetFile(ArrowFile):
    """A Parquet file."""

    def _schema(self) -> pa.Schema:
        with pq.ParquetFile(self.path) as file:
            return file.schema_arrow

    def _parts(self, wanted: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        size = self.path.stat().st_size
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            rows = max(file.metadata.num_rows, 1)
            for part in file.iter_batches(BATCH_ROWS, columns=list(wanted), use_threads=False):
                yield part, size * part.num_rows // rows


class ArrowIpcFile(ArrowFile):
    """An Arrow file with random access (Feather)."""

    def _schema(self) -> pa.Schema:
        with pa.memory_map(str(self.path)) as file:
            return pa.ipc.open_file(file).schema

    def _parts(self, wanted: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        size = self.path.stat().st_size
        with pa.memory_map(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number), size // reader.num_record_batches


class ArrowIpcStream(ArrowFile):
    """An Arrow stream."""

    def _schema(self) -> pa.Schema:
        with pa.memory_map(str(self.path)) as file:
            return pa.ipc.open_stream(file).schema

    def _parts(self, wanted: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        with pa.memory_map(str(self.path)) as file:
            before = 0
            for part in pa.ipc.open_stream(file):
                yield part, file.tell() - before
                before = file.tell()
