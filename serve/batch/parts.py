"""Parts of the inputs: the unit that a worker scores and commits. Cutting is deterministic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from serve.batch import arrow_file, csv_file, parquet_file
from serve.batch.formats import Kind
from serve.batch.inputs import InputFile
from serve.decoding import DecodedRows


class Slice(Protocol):
    """Rows of one file that can be read independently of earlier rows."""

    def rows(self) -> Iterator[DecodedRows]:
        """The rows in chunks, with the faults of the rows left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """A slice with its number, counted from 0 over all inputs, and its input's number."""

    number: int
    input_number: int
    slice: Slice
    size: int
    """Its size in the file in bytes, for the progress bar."""


class _Source(Protocol):
    def check(self, file: InputFile) -> Sequence[str]:
        """The columns; raises InputError if the file is not of its format, has no rows or lacks features."""

    def cut(self, file: InputFile) -> Iterator[tuple[Slice, int]]:
        """Slices that cover the file, with their sizes in bytes."""


_SOURCES: Final = {Kind.CSV: csv_file, Kind.PARQUET: parquet_file, Kind.ARROW: arrow_file}


def checked_columns(files: Sequence[InputFile]) -> set[str]:
    """The columns of all files, checked before anything is scored.

    Raises:
        InputError: naming the file, the column and what was expected.
    """
    return {name for file in files for name in _SOURCES[file.format.kind].check(file)}


def cut_inputs(files: Sequence[InputFile]) -> Iterator[Part]:
    """The parts of all files, in order.

    Raises:
        InputError: a file can't be read.
    """
    number = 0
    for input_number, file in enumerate(files):
        for piece, size in _SOURCES[file.format.kind].cut(file):
            yield Part(number, input_number, piece, size)
            number += 1
