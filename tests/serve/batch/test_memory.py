"""Memory stays flat, however large a file is."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
from pathlib import Path

import pytest

from serve.batch.worker import ModelChoice
from tests.serve.batch.scoring_files import batch_command, good_rows, table_of, write_table

MIB = 1024 * 1024
CAP_BYTES = 1_800 * MIB
"""Of addresses, most of which are libraries: 1.7 GB are in use before a row is read."""


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


@pytest.mark.long
def test_a_file_of_ten_times_the_memory_is_scored(model: ModelChoice, tmp_path: Path) -> None:
    source = tmp_path / "in.csv.gz"
    rows = _repeated(source, tmp_path, 10 * CAP_BYTES)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (CAP_BYTES, before[1]))
    try:
        process = batch_command(model.run_dir, source, tmp_path / "out.parquet", "--workers", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    told, errors = process.communicate(timeout=3_000)
    assert process.returncode == 0, errors
    assert f"{rows:,} rows" in told
