"""The data check: every fault by its name, and every way its command can end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from fraud.features import DATE, FEATURE_NAMES, LABEL
from fraud.settings.data import DataLimits
from fraud.stack.ports import hold_port
from fraud.verdict import Verdict
from tests.train.conftest import synthetic_dataset
from train.data_check.__main__ import app
from train.data_check.checks import check_applications

CUTOFF = dt.date(2024, 3, 31)
LIMITS = DataLimits(
    min_rows=1_000,
    min_positives=50,
    min_label_rate=0.01,
    max_label_rate=0.5,
    max_duplicate_share=0.01,
    max_atypical_share=0.5,
    max_age_days=30,
)
Columns = dict[str, "np.ndarray[tuple[int], np.dtype[np.float64]]"]


@pytest.fixture(scope="module")
def columns() -> Columns:
    dataset = synthetic_dataset(2_000, 80, 3)
    features = {name: dataset.x[:, place].astype(float) for place, name in enumerate(FEATURE_NAMES)}
    return {DATE: dataset.dates, **features, LABEL: dataset.y.astype(float)}


def table(columns: Columns) -> pa.Table:
    """As the database gives it: NaN stands for NULL here."""
    arrays = {
        name: pa.array(values, pa.float32(), from_pandas=True) for name, values in columns.items() if name != DATE
    }
    return pa.table({DATE: pa.array(columns[DATE], pa.date32()), **arrays})


def changed(columns: Columns, name: str, change: Callable[[np.ndarray], None]) -> Columns:
    copy = columns[name].copy()
    change(copy)
    return columns | {name: copy}


def put(rows: slice, value: float) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        values[rows] = value

    return change


def times(factor: float) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        values *= factor

    return change


def keep_49_divorces(labels: np.ndarray) -> None:
    labels[np.flatnonzero(labels)[49:]] = 0


def repeated(columns: Columns, rows: int) -> Columns:
    return {name: np.concatenate([values, values[:rows]]) for name, values in columns.items()}


def test_sound_applications_pass(columns: Columns) -> None:
    report = check_applications(table(columns), CUTOFF, LIMITS)
    assert report.verdict is Verdict.PASS, report.reasons
    assert report.reasons == ("2,000 applications before 2024-03-31 can be trained on",)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda c: changed(c, "Age_Days", put(slice(0, 3), np.nan)), "Age_Days: 3 missing or infinite; expected none"),
        (lambda c: changed(c, "Client_Income", put(slice(0, 1), np.inf)), "Client_Income: 1 missing or infinite"),
        (lambda c: changed(c, LABEL, put(slice(0, 2), np.nan)), "Divorce: 2 missing or infinite"),
        (lambda c: changed(c, LABEL, put(slice(0, 2), 2)), "label: 2 neither 0 nor 1"),
        (lambda c: changed(c, LABEL, put(slice(0, 1_500), 1)), "label rate: 7"),
        (lambda c: changed(c, "ID_Days", put(slice(0, 4), -1)), "ID_Days: 4 below 0"),
        (lambda c: changed(c, "Phone_Change", put(slice(0, 5), 0.5)), "Phone_Change: 5 with a fraction"),
        (lambda c: changed(c, "Credit_Amount", times(100)), "Credit_Amount: 100.0% outside"),
        (lambda c: repeated(c, 40), "copies: 1.96% of the rows; expected at most 1.00%"),
    ],
)
def test_a_fault_of_the_data_is_named(columns: Columns, spoil: Callable[[Columns], Columns], reason: str) -> None:
    report = check_applications(table(spoil(columns)), CUTOFF, LIMITS)
    assert report.verdict is Verdict.DATA_QUALITY_FAULT
    assert any(found.startswith(reason) for found in report.reasons), report.reasons


def test_old_applications_are_a_fault_where_a_limit_is_set(columns: Columns) -> None:
    later = dt.date(2024, 6, 1)
    report = check_applications(table(columns), later, LIMITS)
    assert report.verdict is Verdict.DATA_QUALITY_FAULT
    assert "days before 2024-06-01; expected at most 30" in report.reasons[0]


def test_a_job_that_nobody_has_is_not_atypical(columns: Columns) -> None:
    report = check_applications(table(changed(columns, "Employed_Days", put(slice(0, 1_500), 365243))), CUTOFF, LIMITS)
    assert report.verdict is Verdict.PASS, report.reasons


def test_share_of_divorces_is_that_of_all_whom_the_rows_stand_for(columns: Columns) -> None:
    with_nulls = changed(columns, LABEL, put(slice(0, 5), np.nan))
    weights = np.where(columns[LABEL] == 1, 100.0, 1.0)
    (rate,) = (
        one for one in check_applications(table(with_nulls), CUTOFF, LIMITS, weights).findings if "rate" in one.name
    )
    labels = columns[LABEL][5:]
    assert rate.verdict is Verdict.DATA_QUALITY_FAULT
    assert rate.found == f"{100 * labels.sum() / (99 * labels.sum() + labels.size):.2%}"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda c: {name: values[-999:] for name, values in c.items()}, "rows: 999; expected at least 1,000"),
        (
            lambda c: changed(c, LABEL, lambda values: values.__setitem__(np.flatnonzero(values)[49:], 0)),
            "divorces: 49",
        ),
    ],
)
def test_too_few_are_inconclusive_and_no_fault(
    columns: Columns, spoil: Callable[[Columns], Columns], reason: str
) -> None:
    report = check_applications(table(spoil(columns)), CUTOFF, LIMITS)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons[0].startswith(reason)


def test_no_rows_are_too_few(columns: Columns) -> None:
    report = check_applications(table(columns).slice(0, 0), CUTOFF, LIMITS)
    assert (report.verdict, report.reasons) == (Verdict.INCONCLUSIVE, ("rows: 0; expected at least 1,000",))


@pytest.fixture
def run(filled_table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", filled_table)
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    monkeypatch.setenv("DATA_LIMITS", '{"max_atypical_share": 0.5}')

    def run(**settings: str) -> Result:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["--today", "2024-03-31"])

    return run


@pytest.mark.parametrize(
    ("settings", "status", "verdict"),
    [
        ({}, 0, "pass"),
        ({"DATA_LIMITS": '{"min_rows": 1000000, "max_atypical_share": 0.5}'}, 20, "inconclusive"),
        ({"DATA_LIMITS": '{"min_label_rate": 0.9, "max_label_rate": 1}'}, 30, "data_quality_fault"),
    ],
)
def test_the_exit_status_and_the_file_say_the_same(
    run: Callable[..., Result], tmp_path: Path, settings: dict[str, str], status: int, verdict: str
) -> None:
    result = run(**settings)
    assert result.exit_code == status, result.output
    written = json.loads((tmp_path / "data_check" / "verdict.json").read_text())
    assert (written["verdict"], written["exit_status"]) == (verdict, status)
    assert written["reasons"][0] in result.output


def test_a_database_that_is_away_is_an_error(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run(DATABASE_URL=f"postgresql://x@127.0.0.1:{hold_port()}/x").exit_code == 2
    assert not (tmp_path / "data_check").exists()


def test_a_missing_table_is_an_error(run: Callable[..., Result], filled_table: str) -> None:
    connection = psycopg2.connect(filled_table)
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE divorce_predictions")
    connection.close()
    result = run()
    assert result.exit_code == 2
    assert "does not exist" in result.output
