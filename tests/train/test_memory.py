"""Training takes little memory for a row: more of them than fit are read and trained on."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg2
import pytest

from tests.train.capped_training import SEED

ROWS = 1_500_000
CAP_MEGABYTES = 160
NEAR = 0.002
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
"""Allocators that reserve nothing which they do not use."""

FILL = """
    INSERT INTO divorce_predictions
    SELECT lpad(number::text, 9, '0'), date '2024-01-01' + number * 700 / %(rows)s,
        4000 + 36000 * random(), 4500 + 20000 * random(), 300 + 2200 * random(), age, employed, 20000 * random(),
        6500 * random(), 4000 * random(), 8 * random(), 4380,
        (random() < 1 / (1 + exp(3 + 2 * (age - 13750) / 6000.0 + 0.8 * (employed - 6000) / 6000.0)))::int
    FROM (
        SELECT number, (7500 + 12500 * random())::int AS age, (12000 * random())::int AS employed
        FROM generate_series(0, %(rows)s - 1) AS number
    ) AS applicants
"""


@pytest.fixture
def many_applications(empty_table: str) -> str:
    """Address of a database with `ROWS` applications."""
    connection = psycopg2.connect(empty_table)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT setseed(%s)", (SEED / 100,))
        cursor.execute(FILL, {"rows": ROWS})
    connection.close()
    return empty_table


def _train(way: str, dsn: str, megabytes: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.train.capped_training", way, dsn, str(megabytes)]
    return subprocess.run(command, env=os.environ | FRUGAL, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_training_passes_where_all_rows_in_memory_do_not(many_applications: str) -> None:
    capped = _train("disk", many_applications, CAP_MEGABYTES)
    assert capped.returncode == 0, capped.stderr
    exceeding = _train("memory", many_applications, CAP_MEGABYTES)
    assert exceeding.returncode != 0
    assert "MemoryError" in exceeding.stderr or "alloc" in exceeding.stderr, exceeding.stderr
    free = _train("memory", many_applications, 0)
    assert free.returncode == 0, free.stderr
    assert float(capped.stdout) == pytest.approx(float(free.stdout), abs=NEAR)
    assert float(free.stdout) > 0.1, "the applications can be learnt from"
