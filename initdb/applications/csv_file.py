"""A CSV file -> batches of texts, each row with the line on which it begins.

Python's reader and not Arrow's: it knows the line of a row even after blank lines or a value with
line breaks, and continues after a broken row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa

from initdb.applications.batch import BATCH_ROWS, Batch, BrokenRow, Progress
from initdb.errors import ApplicationsFileError

DELIMITERS: Final = (",", ";", "\t")


class CsvFile:
    """A text of comma-, semicolon- or tab-separated values with a header; lines count from 1, the header's."""

    unit = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._rows() as (_, rows):
            self.names = rows.header

    def batches(self, wanted: Sequence[str], progress: Progress) -> Iterator[Batch]:
        """The columns that are wanted, as texts."""
        places = {name: self.names.index(name) for name in wanted}
        with self._rows() as (file, rows):
            told = 0
            while (batch := rows.next_batch(places)) is not None:
                yield batch
                progress(file.tell() - told)
                told = file.tell()

    @contextmanager
    def _rows(self) -> Iterator[tuple[BinaryIO, _Rows]]:
        try:
            with self.path.open("rb") as file:
                yield file, _Rows(self.path, file)
        except OSError as error:
            raise ApplicationsFileError(self.path, error.strerror or str(error)) from error


class _Rows:
    """The rows behind the header."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        # Bytes that are not UTF-8 become U+FFFD, which none of our columns accepts; in other columns it does not
        # matter.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        delimiter = max(DELIMITERS, key=text.readline().count)
        text.seek(0)
        self._reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            self.header = next(self._reader, [])
        except csv.Error as error:
            raise ApplicationsFileError(path, f"its header can't be read ({error})") from error

    def next_batch(self, places: dict[str, int]) -> Batch | None:
        rows: list[list[str]] = []
        numbers: list[int] = []
        broken: list[BrokenRow] = []
        for number, row in self._numbered(broken):
            if len(row) == len(self.header):
                rows.append(row)
                numbers.append(number)
            elif row:  # a blank line is none
                broken.append(BrokenRow(number, f"{len(row)} values, expected {len(self.header)}"))
            if len(rows) + len(broken) == BATCH_ROWS:
                break
        if not rows and not broken:
            return None
        by_column = list(zip(*rows, strict=True))
        columns = {name: pa.array(by_column[place] if rows else (), pa.string()) for name, place in places.items()}
        return Batch(columns, np.array(numbers, dtype=np.int64), tuple(broken))

    def _numbered(self, broken: list[BrokenRow]) -> Iterator[tuple[int, list[str]]]:
        """Each row with the line on which it begins; what has no end or a stray quote goes to the broken ones."""
        while len(broken) < BATCH_ROWS:
            begins = self._reader.line_num + 1
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                broken.append(BrokenRow(begins, str(error)))
            else:
                yield begins, row
