"""The side file: every row that was not scored, where it stood, and what was expected of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from serve.batch.work_folder import Output
from serve.errors import RowFault

COLUMNS: Final = ("file", "row", "field", "reason")
"""Rows count from 1 in each file; of a CSV the header line counts as none."""


def reason_of(fault: RowFault) -> str:
    """What was expected, without the position, which is another one in the file."""
    return fault.message.replace(f" of instance {fault.instance}", "").replace(f"instance {fault.instance}", "the row")


def write_rejected(output: Output, places: Sequence[str], parts: int) -> int:
    """Write the side file from what is known of all parts, or none where no row was rejected; gives their number."""
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
        for unneeded in (staging, target):  # one of an earlier run would tell of rows that are good now
            unneeded.remove()
    return rejected


def _line(values: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
