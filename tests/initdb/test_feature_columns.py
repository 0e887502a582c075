"""The declared features in the database: names, columns and views, also where features are added."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

from fraud.features import FEATURE_NAMES, OWN_FILE
from tests.initdb.test_prediction_log_table import record
from tests.serve.prediction_log_rows import execute, fetch

SEVEN = Path(__file__).parents[1] / "seven_features.toml"
ELEVENTH = """
[[feature]]
name = "Number of Children"
type = "integer"
unit = "children"
minimum = 0
typical = [0, 4]
example = 1
called = "children"
meaning = "children of both"
"""
COLUMNS = """
    SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns
    WHERE table_name = 'divorce_predictions' ORDER BY ordinal_position
"""
ROW = ", ".join(f'"{name}"' for name in FEATURE_NAMES)


def upgrade(dsn: str, folder: Path, features: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "initdb", "upgrade"],
        check=False,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "RUN_DIR": str(folder), "FEATURES_FILE": str(features)},
        capture_output=True,
        text=True,
    )
    return done.returncode, " ".join(done.stderr.split())


def with_eleventh(folder: Path, extra: str = "may_be_missing = true") -> Path:
    path = folder / "eleven.toml"
    path.write_text(OWN_FILE.read_text() + ELEVENTH + extra)
    return path


def test_a_fresh_database_knows_the_declared_names(database: str) -> None:
    assert fetch(database, "SELECT position, name FROM features ORDER BY 1") == [*enumerate(FEATURE_NAMES, 1)]
    nullable = [name for name, _, is_nullable in fetch(database, COLUMNS) if is_nullable == "YES"]
    assert nullable == ["Credit_Bureau"]


def test_an_empty_database_takes_the_columns_of_another_declaration(empty_database: str, tmp_path: Path) -> None:
    status, told = upgrade(empty_database, tmp_path, SEVEN)
    assert status == 0, told
    assert fetch(empty_database, COLUMNS) == [
        ("application_id", "text", "NO"),
        ("Date", "date", "NO"),
        ("Divorce", "smallint", "NO"),
        ("monthly-income", "real", "YES"),
        ("debt_ratio", "real", "NO"),
        ("age", "integer", "NO"),
        ("late", "integer", "NO"),
        ("open lines", "integer", "NO"),
        ("housing", "integer", "NO"),
        ("größe", "integer", "NO"),
    ]


def test_a_feature_may_be_added_at_the_end(database: str, tmp_path: Path) -> None:
    execute(database, f"INSERT INTO divorce_predictions VALUES ('a', '2025-01-01', {', '.join('1' * 10)}, 0)")  # noqa: S608
    record(database, [float(number) for number in range(10)], [0.5], None, str(uuid.uuid4()))
    assert upgrade(database, tmp_path, with_eleventh(tmp_path))[0] == 0
    record(database, [float(number) for number in range(22)], [0.5, 0.5], None, str(uuid.uuid4()))
    shown = fetch(database, "SELECT features FROM prediction_logs ORDER BY (features->>'Client_Income')::real, 1")
    names = (*FEATURE_NAMES, "Number of Children")
    assert sorted((row for (row,) in shown), key=len) == [
        dict(zip(FEATURE_NAMES, range(10), strict=True)),
        dict(zip(names, range(11), strict=True)),
        dict(zip(names, range(11, 22), strict=True)),
    ]
    assert fetch(database, 'SELECT "Number of Children" FROM divorce_predictions') == [(None,)]


def test_a_feature_that_loaded_applications_lack_may_be_missing_or_is_refused(database: str, tmp_path: Path) -> None:
    execute(database, f"INSERT INTO divorce_predictions VALUES ('a', '2025-01-01', {', '.join('1' * 10)}, 0)")  # noqa: S608
    before = fetch(database, COLUMNS)
    status, told = upgrade(database, tmp_path, with_eleventh(tmp_path, ""))
    assert status == 2
    assert "applications are loaded that have no Number of Children: declare that it may be missing" in told
    assert fetch(database, COLUMNS) == before
    assert fetch(database, "SELECT count(*) FROM features") == [(10,)]


def test_other_features_are_refused_where_there_are_some(database: str, tmp_path: Path) -> None:
    status, told = upgrade(database, tmp_path, SEVEN)
    assert status == 2
    assert "the database holds the features Client_Income, " in told
    assert "features may be added at the end only" in told


def test_views_tell_what_was_missing_from_what_was_erased(database: str) -> None:
    missing = [1.0] * 8 + [float("nan"), 1.0]
    record(database, missing, [0.25], None, str(uuid.uuid4()))
    execute(
        database,
        "INSERT INTO prediction_requests SELECT gen_random_uuid(), 1, received_at, recorded_at, 'erased', endpoint,"
        " caller, model_version, model_sha256, load_test, application_ids, applicant_refs,"
        " array_fill(NULL::real, ARRAY[10]), ARRAY[0.75]::real[], salt, content_digest, hash"
        " FROM prediction_requests",
    )
    shown = fetch(database, "SELECT divorce_probability, features FROM prediction_logs ORDER BY 1")
    assert shown[0][1] == {name: None if name == "Credit_Bureau" else 1 for name in FEATURE_NAMES}
    assert shown[1] == (0.75, None)
