"""A batch of a file -> the rows that may be stored, and the faults of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from initdb.applications.batch import ApplicationsFile, Batch
from initdb.applications.faults import Fault, Faults, Kind
from initdb.applications.opening import ID_COLUMN
from initdb.applications.values import CHECKS, Values, as_texts
from initdb.errors import ApplicationsFileError
from initdb.training_table import COLUMNS

NUMBER_COLUMN: Final = "number"
"""Of the stored rows: the line or row of the file."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks the batches of one file; what is wrong goes to `faults`."""

    file: ApplicationsFile
    columns: Mapping[str, str]
    """Our names -> the file's."""
    id_prefix: str
    """Of the ids of a file that has none, before the row's number."""
    faults: Faults

    def good_rows(self, batch: Batch) -> pa.Table:
        """The rows without a fault: `COLUMNS`, then their numbers in the file.

        Raises:
            ApplicationsFileError: a column is of a type that no value of ours can have.
        """
        shown = [
            (row.number, self._fault(row.number, None, Kind.BROKEN_ROW, None, f": {row.why}"))
            for row in batch.broken[: self.faults.room]
        ]
        self.faults.count(Kind.BROKEN_ROW, None, len(batch.broken))
        stored: dict[str, pa.Array] = {}
        good = np.ones(len(batch.numbers), dtype=bool)
        for name in COLUMNS:
            if name == ID_COLUMN and name not in self.columns:
                stored[name] = pa.array([f"{self.id_prefix}{number}" for number in batch.numbers.tolist()], pa.string())
                continue
            texts = self._texts(batch, self.columns[name])
            values = CHECKS[name](texts)
            stored[name] = values.stored
            good &= ~np.logical_or.reduce(list(values.faults.values()))
            shown += self._found(batch, self.columns[name], values, texts)
        self.faults.show(fault for _, fault in sorted(shown, key=lambda one: one[0]))
        return pa.table({**stored, NUMBER_COLUMN: pa.array(batch.numbers)}).filter(pa.array(good))

    def _texts(self, batch: Batch, theirs: str) -> pa.StringArray:
        column = batch.columns[theirs]
        try:
            return as_texts(column)
        except pa.ArrowException as error:
            raise ApplicationsFileError(
                self.file.path, f"column {theirs} is {column.type}, which can't be read"
            ) from error

    def _found(self, batch: Batch, theirs: str, values: Values, texts: pa.StringArray) -> Iterator[tuple[int, Fault]]:
        """Counts all faults, and yields the first ones with their row's number."""
        for kind, wrong in values.faults.items():
            rows = np.flatnonzero(wrong)
            self.faults.count(kind, theirs, len(rows))
            for row in rows[: self.faults.room].tolist():
                number = int(batch.numbers[row])
                text = None if kind is Kind.MISSING else texts[row].as_py()
                yield number, self._fault(number, theirs, kind, text)

    def _fault(self, number: int, column: str | None, kind: Kind, value: str | None, remark: str = "") -> Fault:
        return Fault(self.file.path.name, f"{self.file.unit} {number}", column, kind, value, remark)
