"""A file is checked a part at a time, so memory does not grow with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from initdb.applications.batch import BATCH_ROWS
from tests.initdb.applications.own_rows import own_table, write_table

TIMES = 6
ALLOWED_GROWTH_KB = 100_000
"""All rows of the longer file would take six times as much."""

CHECK = """
import resource, sys
from pathlib import Path
from initdb.applications.checking import Checker
from initdb.applications.faults import Faults
from initdb.applications.opening import open_file, our_columns

file, faults = open_file(Path(sys.argv[1])), Faults()
checker = Checker(file, our_columns(file, {}), "", faults)
rows = sum(checker.good_rows(batch).num_rows for batch in file.batches(tuple(checker.columns.values()), lambda _: None))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def checked(path: Path) -> tuple[int, int]:
    """Good rows, and the most memory that the process had, kB."""
    done = subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=True)
    rows, memory = done.stdout.split()
    return int(rows), int(memory)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_six_times_the_rows_take_no_more_memory(tmp_path: Path, suffix: str) -> None:
    short = pa.Table.from_pandas(own_table(BATCH_ROWS), preserve_index=False)
    rows, memory = checked(write_table(tmp_path / f"short{suffix}", short))
    more_rows, more_memory = checked(write_table(tmp_path / f"long{suffix}", pa.concat_tables([short] * TIMES)))
    assert (rows, more_rows) == (BATCH_ROWS, TIMES * BATCH_ROWS)
    assert more_memory < memory + ALLOWED_GROWTH_KB
