"""The file of rejected rows: each with its place in the input and what was expected."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from serve.batch.work_folder import Output
from serve.errors import RowFault

COLUMNS: Final = ("file", "row", "field", "reason")
"""Rows are counted from 1 in each file, without the header line of a CSV."""


def reason_of(fault: RowFault) -> str:
    """The fault without its position in the chunk, since the row's place in the file differs."""
    return fault.message.replace(f" of instance {fault.instance}", "").replace(f"instance {fault.instance}", "the row")


def write_rejected(output: Output, places: Sequence[str], parts: int) -> int:
    """Write the file from the facts of all parts, or none if no row was rejected; returns the number of rows."""
    target = output.rejected
    staging = target.staging()
    rejected = before = 0
    last_input = -1
    with staging.filesystem.open_output_stream(staging.path, compression=None) as file:
        file.write(_line(COLUMNS))
        for number in range(parts):
            facts = output.read_facts(number)
            before = before if facts.input_number == last_input else 0
            last_input = facts.input_number
            for row, field, reason in facts.rejected:
                file.write(_line((places[last_input], before + row + 1, field or "", reason)))
            rejected += len(facts.rejected)
            before += facts.rows
    if rejected:
        staging.rename(target)
    else:
        for unneeded in (staging, target):  # an earlier run's file would name rows that are valid now
            unneeded.remove()
    return rejected


def _line(values: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
