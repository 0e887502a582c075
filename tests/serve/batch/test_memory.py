"""Memory stays flat, however large a file is."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serve.batch.worker import ModelChoice
from tests.serve.batch.scoring_files import batch_command, good_rows, table_of, write_table

MIB = 1024 * 1024
CAP_BYTES = 720 * MIB
"""Of addresses, most of which are libraries: 600 MB are in use before a row is read."""
FRUGAL = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Allocators and threads reserve addresses by the gigabyte that they never use; without these the cap would be 2 GB."""
TIMES = 10


def _repeated(path: Path, folder: Path, content_bytes: int) -> int:
    """A gzip of so much CSV, in members that are all the same; gives its rows."""
    rows = 20_000
    plain = write_table(table_of(good_rows(rows)), folder / "some.csv").read_bytes()
    header, _, lines = plain.partition(b"\n")
    member = gzip.compress(lines)
    times = -(-content_bytes // len(lines))
    with path.open("wb") as file:
        file.write(gzip.compress(header + b"\n"))
        for _ in range(times):
            file.write(member)
    return rows * times


def _peak_bytes(process: subprocess.Popen[str]) -> int:
    """The most memory that a process had when it has ended."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.stderr and process.stderr.read()
    return usage.ru_maxrss * 1024


def test_ten_times_the_rows_take_no_more_memory(model: ModelChoice, tmp_path: Path) -> None:
    peaks = []
    for megabytes in (20, 200):
        source = tmp_path / f"{megabytes}.csv.gz"
        _repeated(source, tmp_path, megabytes * MIB)
        peaks.append(_peak_bytes(batch_command(model.run_dir, source, tmp_path / f"{megabytes}.csv", "--workers", 1)))
    assert peaks[1] - peaks[0] < 60 * MIB


def _plain_csv(path: Path) -> int:
    """A CSV of `TIMES` the cap; gives its rows."""
    rows = 20_000
    header, _, lines = write_table(table_of(good_rows(rows)), path.with_name("some.csv")).read_bytes().partition(b"\n")
    times = -(-TIMES * CAP_BYTES // len(lines))
    with path.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(times):
            file.write(lines)
    return rows * times


def _zipped_csv(path: Path) -> int:
    """A gzip of such a CSV."""
    return _repeated(path, path.parent, TIMES * CAP_BYTES)


def _parquet(path: Path) -> int:
    """Such a Parquet, not compressed; a tenth of it is one row group."""
    table = table_of(good_rows(100_000))
    groups, tables = TIMES, -(-CAP_BYTES // table.nbytes)
    group = pa.concat_tables([table] * tables)
    with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False) as writer:
        for _ in range(groups):
            writer.write_table(group, row_group_size=group.num_rows)
    return int(group.num_rows) * groups


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    ("name", "write"), [("in.csv", _plain_csv), ("in.csv.gz", _zipped_csv), ("in.parquet", _parquet)]
)
def test_a_file_of_ten_times_the_memory_is_scored(
    model: ModelChoice, tmp_path: Path, name: str, write: Callable[[Path], int]
) -> None:
    source = tmp_path / name
    rows = write(source)
    if name != "in.csv.gz":
        assert source.stat().st_size >= TIMES * CAP_BYTES
    process = batch_command(model.run_dir, source, tmp_path / "out.parquet", "--workers", 1, **FRUGAL)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (CAP_BYTES, CAP_BYTES))
    told, errors = process.communicate(timeout=3_000)
    source.unlink()
    assert process.returncode == 0, errors
    assert f"{rows:,} rows" in told
