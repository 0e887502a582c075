"""`python -m initdb groups`: attributes by which models are examined, checked line by line, all or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.database import connect
from fraud.stored_attributes import read_attributes
from tests.initdb.applications.test_load_command import run
from tests.serve.prediction_log_rows import fetch

HEADER = "application_id,attribute,value\n"
STORED = "SELECT * FROM applicant_groups ORDER BY 1, 2"


def test_groups_are_loaded_replaced_and_read(empty_database: str, tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text(f"{HEADER}A,region,north\nB,region,south\nA,sex,f\n")
    done = run(empty_database, tmp_path, "groups", str(file))
    assert done.returncode == 0, done.stderr
    assert "Loaded region of 2 applications, sex of 1 application." in done.stderr
    file.write_text(f"{HEADER}B,region,east\n")
    assert run(empty_database, tmp_path, "groups", str(file)).returncode == 0
    assert fetch(empty_database, STORED) == [("A", "region", "north"), ("A", "sex", "f"), ("B", "region", "east")]

    with connect(empty_database) as connection:
        found = read_attributes(connection, ["B", None, "unknown", "A"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "region": ["east", None, None, "north"],
        "sex": [None, None, None, "f"],
    }


@pytest.mark.parametrize(
    ("text", "status", "fault"),
    [
        pytest.param(f"{HEADER}A,region,\n", 30, "line 2, value: is missing", id="no value"),
        pytest.param(f"{HEADER}A,region,{'x' * 65}\n", 30, "line 2, value: 'xxx", id="too long"),
        pytest.param(f"{HEADER}A,r,x\n\nA,r,y\n", 30, "line 4, application_id: 'A' is there twice", id="twice"),
        pytest.param(f"{HEADER}A,r\n", 30, "line 2: is not a valid row: 2 values, expected 3", id="short row"),
        pytest.param(
            HEADER + "".join(f"{n},street,{n}\n" for n in range(41)), 30, "line 42, value: '40' exceeds", id="names"
        ),
        pytest.param("application_id,value\nA,x\n", 2, "needs the columns application_id", id="no column"),
        pytest.param(HEADER, 2, "has no row", id="no row"),
    ],
)
def test_a_fault_is_told_with_line_and_column(
    database: str, tmp_path: Path, text: str, status: int, fault: str
) -> None:
    file = tmp_path / "groups.csv"
    file.write_text(text)
    done = run(database, tmp_path, "groups", str(file))
    assert (done.returncode, fetch(database, STORED)) == (status, [])
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
