"""What a replay ends with: verdict, table, JSON and PNG."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fraud.verdict import Verdict
from train.replay.errors import ReplayError
from train.replay.light_load import LoadCounts, counted
from train.replay.months import replayed_months
from train.replay.outcome import ComingMonth, Decision, ReplayOutcome
from train.replay.report import replay_json, replay_plot, replay_table, stored_report

FIRST, SECOND = replayed_months(2)


def decision(**changes: object) -> Decision:
    promoted = Decision(
        first_day=FIRST,
        candidate=1,
        verdict=Verdict.PASS,
        reasons=("AUC-PR: better",),
        champion_ap=None,
        candidate_ap=0.25,
        worst_median_ratio=1.034,
        training_s=30.0,
        gate_s=20.0,
    )
    return replace(promoted, **changes)  # type: ignore[arg-type]


OUTCOME = ReplayOutcome(
    model_name="divorce-model-replay-1",
    decisions=(
        decision(),
        decision(
            first_day=SECOND,
            candidate=2,
            verdict=Verdict.FAIL,
            champion_ap=0.3,
            candidate_ap=0.29,
            worst_median_ratio=None,
        ),
    ),
    coming=(ComingMonth(1, 0.21, 0.21, 0.20, 0.24), ComingMonth(1, None, None)),
    load=LoadCounts(400, 0),
    seconds=100.0,
)


@pytest.mark.parametrize(
    ("last", "failures", "expected"),
    [
        pytest.param(Verdict.PASS, 0, Verdict.PASS, id="all promoted"),
        pytest.param(Verdict.FAIL, 0, Verdict.PASS, id="a refused candidate is the gate at work"),
        pytest.param(Verdict.INCONCLUSIVE, 0, Verdict.INCONCLUSIVE, id="an undecided month"),
        pytest.param(Verdict.INCONCLUSIVE, 1, Verdict.ERROR, id="a failed request outranks it"),
        pytest.param(Verdict.PASS, 1, Verdict.ERROR, id="a failed request"),
    ],
)
def test_verdict(last: Verdict, failures: int, expected: Verdict) -> None:
    decisions = (decision(), decision(verdict=last))
    assert replace(OUTCOME, decisions=decisions, load=LoadCounts(400, failures)).verdict is expected


def test_the_table_has_a_row_a_month_and_a_dash_for_what_was_not_measured() -> None:
    output = io.StringIO()
    Console(file=output, width=80).print(replay_table(OUTCOME))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.getvalue().splitlines()]
    assert [row for row in rows if row] == [
        ["2025-05", "-", "0.2500", "promoted", "x1.03", "1", "0.2100", "0.2100", "0.2000", "0.2400"],
        ["2025-06", "0.3000", "0.2900", "rejected", "-", "1", "-", "-", "-", "-"],
    ]


def test_json_has_the_verdict_first_and_every_figure() -> None:
    document = json.loads(replay_json(OUTCOME))
    assert list(document)[:2] == ["verdict", "exit_status"]
    assert (document["verdict"], document["exit_status"]) == ("pass", 0)
    assert [month["verdict"] for month in document["decisions"]] == ["pass", "fail"]
    assert document["coming"][0] == {
        "served": 1,
        "production": 0.21,
        "never_retrained": 0.21,
        "as_before": 0.20,
        "ceiling": 0.24,
    }
    assert document["gain"] == pytest.approx(0.01), "a month that tells nothing does not count"
    assert document["ceiling_share"] == pytest.approx(0.21 / 0.24)
    assert document["load"] == {"requests": 400, "failures": 0}


def test_the_plot_is_a_png_also_with_gaps(tmp_path: Path) -> None:
    replay_plot(tmp_path / "replay.png", OUTCOME)
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_the_table_and_the_plot() -> None:
    made_at = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    report = stored_report(OUTCOME, made_at, b"a plot")
    assert (report.kind, report.verdict, report.facts.encode()) == ("replay", "pass", replay_json(OUTCOME))
    assert "<td>2025-05</td><td>-</td><td>0.2500</td><td>promoted</td>" in report.page
    assert base64.b64encode(b"a plot").decode() in report.page
    assert "<script" not in report.page


def test_failures_of_all_kinds_are_counted(tmp_path: Path) -> None:
    kinds = [
        {"name": "/predict 1", "num_requests": 300, "num_failures": 1},
        {"name": "/batch_predict 100", "num_requests": 100, "num_failures": 2},
    ]
    (tmp_path / "load.json").write_text(json.dumps(kinds))
    assert counted(tmp_path / "load.json") == LoadCounts(400, 3)


@pytest.mark.parametrize("content", [None, "[]", "{}", "["], ids=["no file", "no request", "no list", "half a file"])
def test_a_load_that_says_nothing_is_an_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "load.json").write_text(content)
    with pytest.raises(ReplayError, match="Locust"):
        counted(tmp_path / "load.json")
