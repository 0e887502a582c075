"""Another lender's table, from its file to a retrained model: nothing knows the project's own ten features.

One of the seven may be missing, one is a code, and their names have a hyphen, a space and an umlaut.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from xgboost import XGBClassifier

from fraud.feature_file import read_features
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole
from fraud.stack.ports import hold_port
from tests.live_stack import (
    LENIENT_GATE,
    LOGIN,
    LiveStack,
    folder_for_postgres,
    introduce_us,
    start_stack,
    stop_stack,
    wait_until,
    wait_until_ready,
)
from tests.serve.prediction_log_rows import fetch

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

SEVEN = Path(__file__).with_name("seven_features.toml")
FEATURES = read_features(SEVEN)
NAMES = [feature.name for feature in FEATURES]
ROWS = 12_000
FIRST_DAY = dt.date(2024, 1, 1)
LAST_DAY = dt.date(2025, 12, 31)
TODAY = "2025-11-01"

Row = dict[str, float | None]


def draw(count: int, seed: int, *, age_from: int = 8_000) -> tuple[list[Row], list[int]]:
    """Applicants as that lender's might be, and who did not pay."""
    rng = np.random.default_rng(seed)
    income = np.round(rng.lognormal(7.8, 0.5, count), 2)
    debt, late = np.round(rng.gamma(2.0, 0.2, count), 4), rng.poisson(0.6, count)
    columns = {
        "monthly-income": income,
        "debt_ratio": debt,
        "age": rng.integers(age_from, age_from + 16_000, count),
        "late": late,
        "open lines": rng.poisson(7, count),
        "housing": rng.integers(0, 4, count),
        "größe": rng.integers(1, 7, count),
    }
    score = -3.2 - 0.5 * np.log(income / 2_400) + 1.5 * debt + 0.8 * late + 0.5 * (columns["housing"] == 1)
    labels = (rng.random(count) < 1 / (1 + np.exp(-score))).astype(int).tolist()
    unknown = rng.random(count) < 0.2
    rows = [{name: column[row].item() for name, column in columns.items()} for row in range(count)]
    return [
        row | ({"monthly-income": None} if hidden else {}) for row, hidden in zip(rows, unknown, strict=True)
    ], labels


def write_table(path: Path) -> None:
    rows, labels = draw(ROWS, 1)
    days = (LAST_DAY - FIRST_DAY).days + 1
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["application_id", "Date", *NAMES, "Divorce"])
        for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
            day = FIRST_DAY + dt.timedelta(days=number * days // ROWS)
            writer.writerow([f"L{number:05}", day, *("" if row[name] is None else row[name] for name in NAMES), label])


@pytest.fixture(scope="module")
def lender() -> Iterator[LiveStack]:
    with folder_for_postgres() as folder:
        table = folder / "loans.csv"
        write_table(table)
        introduce_us(folder / "run")
        settings = {
            **LENIENT_GATE,
            "FEATURES_FILE": str(SEVEN),
            "APPLICATIONS_FILE": str(table),
            "TODAY": TODAY,
            "SERVE_WORKERS": "1",
            "LABEL_MATURITY_DAYS": "0",
        }
        live = start_stack(folder / "run", hold_port(), **settings)
        try:
            wait_until_ready(live)
            yield live
        finally:
            if live.process.poll() is None:
                stop_stack(live)


def send(lender: LiveStack, rows: Sequence[Row]) -> list[float]:
    answer = httpx.post(lender.url + "/batch_predict", json={"instances": rows}, headers=LOGIN, timeout=30)
    assert answer.status_code == 200, answer.text
    probabilities: list[float] = answer.json()["probabilities"]
    return probabilities


def command(lender: LiveStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=lender.environment,
        cwd=lender.run_dir,
        capture_output=True,
        text=True,
        check=False,
    )


def check_drift(lender: LiveStack) -> tuple[int, dict[str, Any]]:
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    done = command(lender, "jenkins.drift", "check", "--today", tomorrow.isoformat())
    return done.returncode, json.loads((lender.run_dir / "drift" / "verdict.json").read_bytes())


def counted(lender: LiveStack) -> int:
    return int(fetch(lender.owner_dsn, "SELECT coalesce(sum(applications), 0)::int FROM drift_hours")[0][0])


def test_the_table_is_loaded_as_it_is(lender: LiveStack) -> None:
    names = ", ".join(f'"{name}"' for name in NAMES)
    rows, labels = draw(ROWS, 1)
    loaded = fetch(lender.dsn(DatabaseRole.TRAINER), f'SELECT {names}, "Divorce" FROM divorce_predictions ORDER BY 1')  # noqa: S608
    expected = [(*(row[name] for name in NAMES), label) for row, label in zip(rows, labels, strict=True)]
    as_floats = [tuple(np.nan if value is None else np.float32(value) for value in row) for row in loaded]
    wanted = [tuple(np.nan if value is None else np.float32(value) for value in row) for row in expected]
    np.testing.assert_array_equal(np.array(sorted(as_floats, key=str)), np.array(sorted(wanted, key=str)))


def test_the_api_answers_what_xgboost_answers_also_where_a_value_is_missing(lender: LiveStack, tmp_path: Path) -> None:
    registry = Registry(lender.tracking_uri, "divorce-model", timeout_s=10)
    version = registry.version_of(PRODUCTION)
    assert version is not None
    served = httpx.get(lender.url + "/model-info", headers=LOGIN).json()
    assert served["sha256"] == version.sha256
    rows, _ = draw(400, 2)
    absent: list[Row] = [{name: value for name, value in row.items() if value is not None} for row in rows]
    answers = send(lender, rows)
    assert answers == send(lender, absent), "null and absent are the same"
    assert len({row["monthly-income"] is None for row in rows}) == 2
    assert len(set(answers)) > 20
    single = httpx.post(lender.url + "/predict", json=rows[0], headers=LOGIN)
    assert single.json()["probability"] == answers[0]
    model = XGBClassifier()
    model.load_model(registry.download_file(version, "model.ubj", tmp_path))
    matrix = np.array([[row[name] for name in NAMES] for row in rows], dtype=np.float32)
    np.testing.assert_allclose(answers, model.predict_proba(matrix)[:, 1], rtol=1e-6)


def test_the_record_shows_the_features_by_their_names(lender: LiveStack) -> None:
    rows, _ = draw(50, 3)
    answer = httpx.post(
        lender.url + "/batch_predict", json={"instances": rows}, headers={"X-Request-ID": "by-name", **LOGIN}
    )
    assert answer.status_code == 200
    query = "SELECT features FROM prediction_logs WHERE request_id = 'by-name' ORDER BY row_number"
    wait_until(lambda: len(fetch(lender.owner_dsn, query)) == len(rows), 20, "the record arrives")
    for (shown,), row in zip(fetch(lender.owner_dsn, query), rows, strict=True):
        assert shown.keys() == set(NAMES)
        assert (shown["monthly-income"] is None) == (row["monthly-income"] is None)
        assert np.float32(shown["age"]) == np.float32(row["age"])
    assert command(lender, "serve.audit", "verify").returncode == 0


def test_reasons_are_told_in_the_words_of_this_declaration(lender: LiveStack) -> None:
    (row,), _ = draw(1, 5)
    answer = httpx.post(f"{lender.url}/predict?reasons={len(NAMES)}", json=row, headers=LOGIN)
    assert answer.status_code == 200, answer.text
    told = {reason["field"]: reason for reason in answer.json()["reasons"]}
    assert told.keys() == set(NAMES)
    assert all(reason["value"] == pytest.approx(row[name], rel=1e-6) for name, reason in told.items())
    (housing,) = (feature for feature in FEATURES if feature.name == "housing")
    (name,) = (name.replace("_", " ") for name, value in housing.values.items() if value == row["housing"])
    assert told["housing"]["text"].startswith(f"housing ({name}): ")
    refused = httpx.post(f"{lender.url}/predict?reasons=1&language=nl", json=row, headers=LOGIN)
    assert (refused.status_code, "expected one of en" in refused.text) == (400, True), "no feature has words in it"
    assert httpx.post(f"{lender.url}/predict?reasons=8", json=row, headers=LOGIN).status_code == 400


def test_counterfactuals_use_the_declarations_disputable_features(lender: LiveStack) -> None:
    (row,), _ = draw(1, 6)
    row |= {"housing": 1.0, "late": 4.0}
    sent = httpx.post(lender.url + "/predict", json={**row, "application_id": "changed"}, headers=LOGIN)
    threshold = sent.json()["probability"] * 0.9
    done = command(lender, "serve.audit", "reasons", "--application", "changed", "--threshold", str(threshold))
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["answers"]
    changes = answer["what_would_have_changed_it"]["changes"]
    assert changes
    assert {change["field"] for change in changes} <= {feature.name for feature in FEATURES if feature.disputable}
    for change in changes:
        assert send(lender, [row | {change["field"]: change["value"]}])[0] < threshold


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"debt_ratio": None}, "debt_ratio", id="a value that may not be missing"),
        pytest.param({"Age_Days": 1}, "Age_Days", id="a feature of another declaration"),
        pytest.param({"größe": 0}, "größe", id="a value below the minimum"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(lender: LiveStack, change: Row, field: str) -> None:
    (row,), _ = draw(1, 4)
    answer = httpx.post(lender.url + "/predict", json=row | change, headers=LOGIN)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field


def test_the_openapi_document_has_these_features(lender: LiveStack) -> None:
    schema = httpx.get(lender.url + "/openapi.json").json()["components"]["schemas"]["Instance"]
    assert set(NAMES) <= schema["properties"].keys()
    assert "monthly-income" not in schema["required"]
    assert "größe" in schema["required"]


def test_other_applicants_are_found_and_a_retraining_is_gated(lender: LiveStack) -> None:
    before = counted(lender)
    rows, _ = draw(2_000, 5, age_from=8_000)
    send(lender, rows)
    wait_until(lambda: counted(lender) == before + len(rows), 30, "they are counted")
    older, _ = draw(3_000, 6, age_from=13_000)
    send(lender, older)
    wait_until(lambda: counted(lender) == before + len(rows) + len(older), 30, "they are counted")
    status, verdict = check_drift(lender)
    assert status == 10, verdict["reasons"]
    assert any("age" in reason for reason in verdict["reasons"])
    retraining = command(lender, "jenkins.retrain", "--today", "2026-01-01", "--reason", "drift: age")
    assert retraining.returncode in {0, 10}, retraining.stdout + retraining.stderr
    gate = json.loads((lender.run_dir / "retrain" / "gate" / "gate.json").read_bytes())
    assert any("age" in part["name"] for part in gate["quality"]["versus_champion"]["slices"])
