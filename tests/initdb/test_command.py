"""`python -m initdb` as its user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.database import connect
from tests.initdb.test_preparation import table as write_table


def run(dsn: str, run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "RUN_DIR": str(run_dir), "COLUMNS": "300"}
    command = [sys.executable, "-m", "initdb", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def count(dsn: str) -> int:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM divorce_predictions")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def test_from_nothing_to_a_loaded_table_and_a_dump(empty_database: str, tmp_path: Path) -> None:
    done = run(empty_database, tmp_path, "--scale", "0.002", "--dump", str(tmp_path / "dump.sql"))
    assert (done.returncode, count(empty_database)) == (0, 428), done.stderr
    assert (tmp_path / "dump.sql").stat().st_size > 0
    assert list((tmp_path / "data").iterdir()) == []

    again = run(empty_database, tmp_path, "--scale", "0.004")
    assert (again.returncode, count(empty_database)) == (0, 428)
    assert "Already loaded: 428 applications" in again.stderr
    assert "--force" in again.stderr

    forced = run(empty_database, tmp_path, "--scale", "0.004", "--force", "--keep-raw")
    assert (forced.returncode, count(empty_database)) == (0, 856), forced.stderr
    (kept,) = (tmp_path / "data").iterdir()

    from_csv = run(empty_database, tmp_path, "--csv", str(kept), "--force")
    assert from_csv.returncode == 0, from_csv.stderr
    assert "of the 214,000 applications asked for" in from_csv.stderr
    assert 856 <= count(empty_database) < 2_000
    assert kept.exists()


def test_schema_only_loads_nothing(empty_database: str, tmp_path: Path) -> None:
    assert run(empty_database, tmp_path, "--schema-only").returncode == 0
    assert count(empty_database) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--csv", "missing.csv"), "missing.csv: No such file", id="no such file"),
        pytest.param(("--scale", "0"), "--scale", id="scale of nothing"),
        pytest.param(("--scale", "1.5"), "--scale", id="scale above one"),
        pytest.param(("--schema-only", "--dump", "x.sql"), "no reference data are loaded", id="nothing to dump"),
    ],
)
def test_a_fault_is_one_line_and_status_2(
    empty_database: str, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(empty_database, tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_too_small_a_table_is_an_error(empty_database: str, tmp_path: Path) -> None:
    path = write_table(tmp_path / "raw.csv", {})
    done = run(empty_database, tmp_path, "--csv", str(path))
    assert done.returncode == 2
    assert "can't be split" in done.stderr


def test_an_unreachable_database_is_an_error(tmp_path: Path) -> None:
    done = run("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    assert (done.returncode, "PostgreSQL can't be reached" in done.stderr) == (2, True)
