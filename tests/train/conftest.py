"""Applications to train on."""

from __future__ import annotations

import io

import numpy as np
import psycopg2
import pytest

from fraud.features import FEATURE_NAMES, FEATURES
from initdb.schema import apply_schema
from train.dataset import Dataset


@pytest.fixture
def empty_table(empty_database: str) -> str:
    """Address of a database with our schema; unlike ours, its table of applications accepts missing values."""
    apply_schema(empty_database)
    types = [f'"{f.name}" {"integer" if f.integral else "real"}' for f in FEATURES]
    columns = ", ".join(["application_id text PRIMARY KEY", '"Date" date', *types, '"Divorce" smallint'])
    connection = psycopg2.connect(empty_database)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE divorce_predictions; CREATE TABLE divorce_predictions ({columns})")
    connection.close()
    return empty_database


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Applications that are enough to learn from, and few enough to be quick."""
    return synthetic_dataset(8_000, 80, 1)


@pytest.fixture
def filled_table(empty_table: str, dataset: Dataset) -> str:
    """Address of the database, with the applications of `dataset` in the table."""
    store(empty_table, dataset)
    return empty_table


def store(dsn: str, dataset: Dataset) -> None:
    """Write the applications into the empty table."""
    lines = (
        f"{number:06d},{date},{','.join(str(int(value)) for value in row)},{label}\n"
        for number, (row, label, date) in enumerate(
            zip(dataset.x, dataset.y, np.datetime_as_string(dataset.dates), strict=True)
        )
    )
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.copy_expert("COPY divorce_predictions FROM STDIN (FORMAT csv)", io.StringIO("".join(lines)))
    connection.close()


def synthetic_dataset(rows: int, days: int, seed: int) -> Dataset:
    """Applications [rows, 10] of about 8% positives, spread over `days` days from 2024-01-01."""
    rng = np.random.default_rng(seed)
    ranges = {
        "Client_Income": (4_000, 40_000),
        "Credit_Amount": (4_500, 25_000),
        "Loan_Annuity": (300, 2_500),
        "Age_Days": (7_500, 20_000),
        "Employed_Days": (0, 12_000),
        "Registration_Days": (0, 20_000),
        "ID_Days": (0, 6_500),
        "Phone_Change": (0, 4_000),
        "Credit_Bureau": (0, 8),
        "Education_Days": (3_285, 6_570),
    }
    assert tuple(ranges) == FEATURE_NAMES
    x = np.column_stack([rng.integers(*bounds, rows) for bounds in ranges.values()]).astype(np.float32)
    margin = -3.0 - 2.0 * (x[:, 3] - 13_750) / 6_000 - 0.8 * (x[:, 4] - 6_000) / 6_000
    y = (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.int8)
    days_after = np.sort(rng.integers(0, days, rows))
    return Dataset(x, y, np.datetime64("2024-01-01") + days_after.astype("timedelta64[D]"))
