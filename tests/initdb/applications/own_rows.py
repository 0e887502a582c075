"""Applications as an agency has them, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fraud.database import connect

GOOD = {
    "application_id": "A-1",
    "Date": "2024-02-29",
    "Client_Income": "13500.1",
    "Credit_Amount": "18000",
    "Loan_Annuity": "1350.5",
    "Age_Days": "9500",
    "Employed_Days": "730",
    "Registration_Days": "2500",
    "ID_Days": "1800",
    "Phone_Change": "365",
    "Credit_Bureau": "1",
    "Education_Days": "4380",
    "Divorce": "0",
}


def own_table(rows: int, seed: int = 1) -> pd.DataFrame:
    """Applications with labels and dates that nobody would draw."""
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("2023-11-05") + pd.to_timedelta(rng.integers(0, 90, rows), "D")
    return pd.DataFrame(
        {
            "application_id": [f"A-{number}" for number in range(rows)],
            "Date": days.date,
            "Client_Income": rng.lognormal(9.6, 0.5, rows).astype(np.float32),
            "Credit_Amount": rng.uniform(2_000, 90_000, rows).astype(np.float32),
            "Loan_Annuity": rng.lognormal(7.5, 0.4, rows).astype(np.float32),
            **{
                name: rng.integers(0, 20_000, rows).astype(np.int32)
                for name in ("Age_Days", "Employed_Days", "Registration_Days", "ID_Days", "Phone_Change")
            },
            "Credit_Bureau": rng.integers(0, 9, rows).astype(np.int32),
            "Education_Days": rng.choice([3285, 4380, 5840], rows).astype(np.int32),
            "Divorce": (rng.random(rows) < 0.1).astype(np.int8),
        }
    )


def write_csv(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = tuple(GOOD)) -> Path:
    """Rows that differ from a good one; each has an id of its own unless it names one."""
    lines = [",".join(columns)]
    for number, row in enumerate(rows):
        lines.append(",".join((GOOD | {"application_id": f"A-{number}"} | row)[name] for name in columns))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_table(path: Path, table: pa.Table) -> Path:
    """In the form that the name ends with."""
    match path.suffix:
        case ".parquet":
            pq.write_table(table, path)
        case ".arrow":
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        case ".arrows":
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)
        case _:
            table.to_pandas().to_csv(path, index=False)
    return path


def stored(dsn: str) -> list[tuple[object, ...]]:
    """The table, by id."""
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT * FROM divorce_predictions ORDER BY application_id COLLATE "C"')
        return cursor.fetchall()
