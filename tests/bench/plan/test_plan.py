from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.plan.errors import PlanError
from bench.plan.evidence import Evidence, Source, gather
from bench.plan.forecast import Choice, Expected, Price
from bench.plan.logged import logged_applications
from bench.plan.plan import Limits, Plan, make_plan, recommend
from bench.plan.report import write_report
from fraud.registry import ModelVersion, Registry
from fraud.statistics.interval import Interval
from serve.prediction_log.chain import microseconds
from tests.bench.plan.conftest import TODAY
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all
from tests.train.conftest import synthetic_dataset

LIMITS = Limits(10, Price(100, 5_000))


def choice(capacity: float, wrong_high: float, euros: float) -> Choice:
    one = Interval(1.0, 0.0, 2.0)
    return Choice(
        capacity, 0.5, {"all": Expected(one, one, Interval(1, 0, wrong_high), Interval(euros, euros - 1, euros + 1))}
    )


@pytest.mark.parametrize(
    ("choices", "cap", "best"),
    [
        ([choice(5, 4, 10), choice(10, 8, 20), choice(15, 12, 30)], None, 1),
        ([choice(5, 4, 10), choice(10, 8, 20), choice(15, 12, 30)], 5, 0),
        ([choice(5, 4, 10), choice(10, 8, 5)], None, 0),
        ([choice(5, 4, -10)], None, None),
        ([choice(5, 4, 10)], 1, None),
    ],
    ids=["what officers can handle", "cap", "more is worth less", "nothing is worth its cost", "cap below all"],
)
def test_recommended_choice_gains_most_within_the_limits(
    choices: list[Choice], cap: float | None, best: int | None
) -> None:
    assert recommend(choices, Limits(10, LIMITS.price, cap)) == best


def log_days(dsn: str, folder: Path, first: dt.date, days: int) -> np.ndarray:
    """Log 30 applications a day; gives their features."""
    rows = synthetic_dataset(30 * days, days, 7).x
    with running_spool(folder) as spool:
        for day in range(days):
            at = dt.datetime.combine(first + dt.timedelta(days=day), dt.time(12), dt.UTC)
            ids = [f"L{day}-{number}" for number in range(30)]
            features = rows[30 * day : 30 * day + 30]
            spool.append(record(30, application_ids=ids, features=features, received_at=microseconds(at)))
    ship_all(folder, dsn)
    return rows


def gathered(planned: tuple[str, Registry, ModelVersion], today: dt.date, minimum: int = 30) -> Evidence:
    return gather(*planned, today=today, label_cutoff=today, weeks=4, minimum_of_each_label=minimum)


def test_plan_is_made_from_unseen_labels_then_from_the_log(
    planned: tuple[str, Registry, ModelVersion], planned_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, registry, version = planned
    by_table = gathered(planned, TODAY)
    assert by_table.source is Source.TABLE
    assert by_table.seen.number_of_days == 20
    assert by_table.seen.first_day == np.datetime64(version.unseen_from)

    with pytest.raises(PlanError, match="GATE_MIN_POSITIVES"):
        gathered(planned, TODAY, minimum=5_000)

    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    monkeypatch.setenv("MODEL_NAME", planned_model)
    monkeypatch.setenv("TODAY", TODAY.isoformat())
    monkeypatch.setenv("GATE_MIN_POSITIVES", "30")
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    arguments = ["plan", "--cases", "10", "--case-cost", "100", "--loss", "5000", "--max-wrong", "9"]
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    written = Plan.read(tmp_path / "run" / "plan" / "plan.json")
    assert written.limits == Limits(10, Price(100, 5_000), 9)
    assert written.model_sha256 == version.sha256
    ((kind, verdict, facts),) = fetch(dsn, "SELECT kind, verdict, facts FROM reports")
    assert (kind, verdict) == ("plan", "pass")
    assert facts.encode() == written.to_json()

    log_days(dsn, tmp_path / "spool", TODAY, 25)
    later = TODAY + dt.timedelta(days=25)
    by_log = gathered(planned, later)
    assert by_log.source is Source.LOG
    assert by_log.seen.number_of_days == 24, "the first day may not be a whole one"
    assert by_log.seen.probabilities.size == 24 * 30
    plan = make_plan(by_log, LIMITS, days_ahead=28, made_at=dt.datetime(2024, 8, 1, tzinfo=dt.UTC))
    for one in plan.choices:
        reviewed = (by_log.seen.probabilities >= np.float32(one.threshold)).sum()
        assert reviewed <= one.capacity * by_log.seen.weeks
    files = {path.name for path in write_report(plan, tmp_path / "report")}
    assert files == {"index.html", "plan.json", "found.png", "wrongly_suspected.png", "euros.png"}
    assert Plan.read(tmp_path / "report" / "plan.json") == plan
    page = (tmp_path / "report" / "index.html").read_text()
    assert "what the server answered" in page
    assert "<script" not in page


def test_application_that_was_scored_again_counts_once(database: str, tmp_path: Path) -> None:
    rows = log_days(database, tmp_path / "a", TODAY, 2)
    log_days(database, tmp_path / "b", TODAY + dt.timedelta(days=1), 1)  # the ids of the first day, a day later
    execute(
        database,
        "UPDATE prediction_requests SET features = array_fill(NULL::real, ARRAY[cardinality(features)]) "
        "WHERE application_ids[1] = 'L1-0'",
    )
    x, days = logged_applications(database, TODAY, TODAY + dt.timedelta(days=9))
    assert len(x) == 30
    assert set(days.tolist()) == {TODAY + dt.timedelta(days=1)}
    assert sorted(map(tuple, x.tolist())) == sorted(map(tuple, synthetic_dataset(30, 1, 7).x.tolist()))
    assert len(rows) == 60


def test_command_says_which_figures_it_needs() -> None:
    ended = CliRunner().invoke(app, ["plan"])
    assert ended.exit_code == 2
    assert "--cases, --case-cost and --loss" in ended.output


def test_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(PlanError, match="bench plan"):
        Plan.read(tmp_path / "plan.json")
