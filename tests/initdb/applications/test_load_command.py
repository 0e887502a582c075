"""`python -m initdb load` and a first start with APPLICATIONS_FILE, as their users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.features import OWN_FILE
from tests.initdb.applications.own_rows import GOOD, stored, write_csv


def run(
    dsn: str, run_dir: Path, *arguments: str, answer: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": dsn,
        "RUN_DIR": str(run_dir),
        "COLUMNS": "300",
        **settings,
    }
    command = [sys.executable, "-m", "initdb", *arguments]
    return subprocess.run(command, env=environment, input=answer or "", capture_output=True, text=True, check=False)


def test_load_replace_and_faults(empty_database: str, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "first.csv", {"application_id": "A"})
    done = run(empty_database, tmp_path, "load", str(first))
    assert (done.returncode, [row[0] for row in stored(empty_database)]) == (0, ["A"]), done.stderr
    assert "Loaded 1 applications from first.csv, loaded 20" in done.stderr

    again = run(empty_database, tmp_path, "load", str(first))
    assert again.returncode == 30
    assert "first.csv, line 2, application_id: 'A' is already in the table" in again.stderr
    assert "Traceback" not in again.stderr

    theirs = write_csv(tmp_path / "second.csv", {"application_id": "B"})
    theirs.write_text(theirs.read_text().replace("Date,", "filed on,"))
    asked = [str(theirs), "--map", "filed on=Date", "--replace"]
    refused = run(empty_database, tmp_path, "load", *asked, answer="n\n")
    assert refused.returncode == 2
    assert "the question was not answered with yes: nothing was done" in refused.stderr
    assert "This removes: 1 applications from first.csv" in refused.stderr
    assert [row[0] for row in stored(empty_database)] == ["A"]
    for answer, extra in (("y\n", ()), (None, ("--yes",))):
        done = run(empty_database, tmp_path, "load", *asked, *extra, answer=answer)
        assert (done.returncode, [row[0] for row in stored(empty_database)]) == (0, ["B"]), done.stderr

    same = run(empty_database, tmp_path, "load", *asked[:-1], "--replace-same")
    assert same.returncode == 0
    assert "in the place of 1 with the same id" in same.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("missing.csv",), "missing.csv: No such file", id="no such file"),
        pytest.param((), "FILE", id="no file"),
        pytest.param(("a.csv", "--map", "Date"), "THEIRS=OURS", id="half a mapping"),
        pytest.param(("a.csv", "--replace", "--replace-same"), "--replace-same", id="both replacements"),
    ],
)
def test_fault_of_the_call_is_status_2(
    empty_database: str, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(empty_database, tmp_path, "load", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_first_start_loads_the_own_file_and_later_ones_leave_it(empty_database: str, tmp_path: Path) -> None:
    own = write_csv(tmp_path / "own.csv", {"application_id": "A"}, columns=tuple(GOOD))
    own.write_text(own.read_text().replace("Divorce", "ended"))
    settings = {"APPLICATIONS_FILE": str(own), "APPLICATIONS_COLUMNS": '{"ended": "Divorce"}'}
    first = run(empty_database, tmp_path, **settings)
    assert (first.returncode, [row[0] for row in stored(empty_database)]) == (0, ["A"]), first.stderr
    assert "demonstration" not in first.stderr

    again = run(empty_database, tmp_path, **settings)
    assert again.returncode == 0
    assert again.stderr.strip().startswith("Already loaded: 1 applications from own.csv")
    assert again.stderr.count("\n") == 1

    other = run(empty_database, tmp_path, APPLICATIONS_FILE=str(tmp_path / "other.csv"))
    assert "other.csv is not among them; `python -m initdb load` adds it" in other.stderr
    assert len(stored(empty_database)) == 1


def test_appending_to_the_demonstration_says_that_it_stays(empty_database: str, tmp_path: Path) -> None:
    assert run(empty_database, tmp_path, "--scale", "0.002").returncode == 0
    done = run(empty_database, tmp_path, "load", str(write_csv(tmp_path / "own.csv", {})))
    assert done.returncode == 0
    assert "The table also has 428 applications from generated rows" in done.stderr
    assert "`python -m initdb load --replace` keeps only yours" in done.stderr
    assert len(stored(empty_database)) == 429


def test_other_features_have_no_reference_data_and_a_line_says_what_to_do(empty_database: str, tmp_path: Path) -> None:
    other = tmp_path / "features.toml"
    other.write_text(OWN_FILE.read_text().replace('name = "Phone_Change"', 'name = "Phone-Days"'))
    done = run(empty_database, tmp_path, FEATURES_FILE=str(other))
    assert done.returncode == 2
    assert "set APPLICATIONS_FILE to your own file, or run `python -m initdb load FILE`" in done.stderr
    assert done.stderr.count("\n") == 1
