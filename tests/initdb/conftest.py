from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import make_dsn

from initdb.population import Population
from initdb.preparation import Applicants, prepare
from initdb.profile import Profile, load_profile
from initdb.raw_table import write_raw_table
from initdb.reference import ReferenceData, build_reference, raw_rows_for

SCALE = 0.25


@dataclass(frozen=True)
class Draw:
    """Applicants before blanks, [rows, 10], and their labels."""

    values: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]


def ignore_progress(_: int) -> None:
    """For tests that don't watch."""


@pytest.fixture(scope="session")
def profile() -> Profile:
    return load_profile()


@pytest.fixture(scope="session")
def population(profile: Profile) -> Population:
    return Population.fit(profile)


@pytest.fixture(scope="session")
def draw(population: Population) -> Draw:
    return Draw(*population.draw(400_000, np.random.default_rng(99)))


@pytest.fixture(scope="session")
def raw_table(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated CSV that is enough for a quarter of the reference data."""
    path = tmp_path_factory.mktemp("raw") / "generated.csv"
    write_raw_table(path, population, raw_rows_for(SCALE), 11, ignore_progress)
    return path


@pytest.fixture(scope="session")
def applicants(raw_table: Path) -> Applicants:
    return prepare(raw_table, ignore_progress)


@pytest.fixture(scope="session")
def reference(applicants: Applicants) -> ReferenceData:
    return build_reference(applicants, SCALE, 11)


@pytest.fixture
def second_database(postgres: str) -> Iterator[str]:
    """Owner's connection string of another empty database."""
    with administration(postgres) as cursor:
        cursor.execute("CREATE DATABASE second")
    yield make_dsn(postgres, dbname="second")
    with administration(postgres) as cursor:
        cursor.execute("DROP DATABASE second WITH (FORCE)")


@contextmanager
def administration(dsn: str) -> Iterator[Cursor]:
    """A cursor outside of transactions."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        yield connection.cursor()
    finally:
        connection.close()
