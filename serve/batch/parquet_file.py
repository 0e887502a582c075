"""Parquet files: cut at row groups, read a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from serve.batch.inputs import InputFile
from serve.batch.locations import Location
from serve.batch.reading import CHUNK_ROWS, PART_ROWS, faults_of, good_rows
from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import rows_of_table
from serve.decoding.bounds import check_row_count
from serve.decoding.parquet_table import checked_columns

READ_BYTES: Final = 1024 * 1024
"""Bytes read of each column at a time, since row groups can have any size."""


@dataclass(frozen=True, slots=True)
class ParquetSlice:
    """Consecutive row groups."""

    location: Location
    groups: tuple[int, ...]

    def rows(self) -> Iterator[DecodedRows]:
        """The rows, a chunk at a time."""
        with faults_of(self.location), _opened(self.location) as file:
            columns = checked_columns(file.schema_arrow)
            for batch in file.iter_batches(CHUNK_ROWS, row_groups=self.groups, columns=columns, use_threads=False):
                batch.validate(full=True)
                yield good_rows(partial(rows_of_table, pa.Table.from_batches([batch]), CHUNK_ROWS))


def check(file: InputFile) -> Sequence[str]:
    """The columns of a file; refuses a file that is not Parquet, has no rows, or lacks the features as columns.

    Raises:
        InputError: naming the fault.
    """
    with faults_of(file.location), _opened(file.location) as opened:
        columns = checked_columns(opened.schema_arrow)
        check_row_count(min(opened.metadata.num_rows, 1), 1)
    return columns


def cut(file: InputFile) -> Iterator[tuple[ParquetSlice, int]]:
    """The parts of the file, with their sizes in bytes."""
    with faults_of(file.location), _opened(file.location) as opened:
        metadata = opened.metadata
        sizes = [
            (metadata.row_group(group).num_rows, metadata.row_group(group).total_byte_size)
            for group in range(metadata.num_row_groups)
        ]
    whole = sum(size for _, size in sizes) or 1
    in_file = file.location.info().size
    groups: list[int] = []
    rows = taken = 0
    for group, (group_rows, group_size) in enumerate(sizes):
        groups.append(group)
        rows, taken = rows + group_rows, taken + group_size
        if rows >= PART_ROWS or group == len(sizes) - 1:
            yield ParquetSlice(file.location, tuple(groups)), in_file * taken // whole
            groups, rows, taken = [], 0, 0


def _opened(location: Location) -> Any:
    return pq.ParquetFile(location.filesystem.open_input_file(location.path), buffer_size=READ_BYTES, pre_buffer=False)
