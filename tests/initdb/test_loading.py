"""All rows are loaded or none; what is dumped is what comes back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.provenance import Provenance, ReferenceRows, read_provenance
from initdb.dump import dump
from initdb.errors import LoadError, NothingToDumpError
from initdb.loader import load
from initdb.preparation import Applicants
from initdb.reference import ReferenceData, build_reference
from initdb.schema import set_passwords
from initdb.training_table import has_rows
from tests.initdb.conftest import ignore_progress


@pytest.fixture(scope="module")
def small(applicants: Applicants) -> ReferenceData:
    return build_reference(applicants, 0.012, 4)


def provenance(data: ReferenceData) -> Provenance:
    return Provenance((ReferenceRows("generated rows", 4, 0.012, len(data.labels)),))


def table(dsn: str) -> list[tuple[object, ...]]:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM divorce_predictions ORDER BY application_id")
        return cursor.fetchall()


def test_every_value_arrives(database: str, small: ReferenceData) -> None:
    load(database, small, provenance(small))
    rows = table(database)
    assert [row[0] for row in rows] == small.application_ids
    assert [row[1] for row in rows] == small.dates.tolist()
    stored = np.array([row[2:-1] for row in rows], dtype=np.float64).astype(np.float32)
    assert stored.shape == (len(small.labels), len(FEATURE_NAMES))
    assert np.isnan(small.features).any()
    assert np.array_equal(stored, small.features, equal_nan=True)
    assert [row[-1] for row in rows] == small.labels.tolist()


def test_loading_again_replaces(database: str, small: ReferenceData) -> None:
    load(database, small, provenance(small))
    load(database, small, provenance(small))
    assert len(table(database)) == len(small.labels)


@pytest.mark.parametrize("bad_row", [0, -1], ids=["first row", "last row"])
def test_a_failed_load_leaves_the_rows_from_before(database: str, small: ReferenceData, bad_row: int) -> None:
    load(database, small, provenance(small))
    before = table(database)
    broken = dataclasses.replace(small, labels=small.labels[::-1].copy(), features=small.features.copy())
    broken.features[bad_row, 0] = -1
    with pytest.raises(LoadError, match="Client_Income"):
        load(database, broken, Provenance((ReferenceRows("broken", 0, 1.0, 1),)))
    assert table(database) == before
    with connect(database) as connection:
        assert read_provenance(connection) == provenance(small)


def test_provenance_stands_and_falls_with_the_rows(database: str, small: ReferenceData) -> None:
    with connect(database) as connection:
        assert not has_rows(connection)
        assert read_provenance(connection) is None
    load(database, small, provenance(small))
    with connect(database) as connection:
        assert has_rows(connection)
        assert read_provenance(connection) == provenance(small)


def test_a_dump_restores_the_same_table_in_an_empty_database(
    database: str, second_database: str, small: ReferenceData, tmp_path: Path
) -> None:
    load(database, small, provenance(small))
    told: list[int] = []
    dump(database, tmp_path / "dump.sql", told.append)
    assert sum(told) == len(small.labels)
    assert len(told) > 1
    for _ in range(2):
        with connect(second_database) as connection, connection.cursor() as cursor:
            cursor.execute((tmp_path / "dump.sql").read_text())
        assert table(second_database) == table(database)
    assert any(None in row for row in table(second_database))
    with connect(second_database) as connection:
        assert read_provenance(connection) == provenance(small)


def test_a_dump_names_no_role_s_password(database: str, small: ReferenceData, tmp_path: Path) -> None:
    set_passwords(database, {"scoring_server": "secret"})
    load(database, small, provenance(small))
    dump(database, tmp_path / "dump.sql", ignore_progress)
    text = (tmp_path / "dump.sql").read_text()
    assert "divorce_predictions" in text
    assert "SCRAM" not in text


def test_nothing_loaded_nothing_dumped(database: str, tmp_path: Path) -> None:
    with pytest.raises(NothingToDumpError, match="python -m initdb"):
        dump(database, tmp_path / "dump.sql", ignore_progress)
    assert list(tmp_path.iterdir()) == []
