"""History: changes of the version, average precision, drift and groups, drawn and in tables."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable

import pytest
from psycopg2.extensions import make_dsn

from desk.app import create_app
from desk.history.heat_map import heat_map
from desk.history.line_chart import line_chart
from desk.history.page import History
from desk.login import Logins
from fraud.errors import RegistryError
from fraud.model_changes import Act, note_change
from fraud.registry import GATE_VERDICT_TAG, TEST_AP_TAG, ModelVersion
from fraud.report.stored import Report, ReportKind, store_report
from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute

Browsers = Callable[..., Browser]
People = Callable[..., str]
MODEL = "divorce-model"
DAY = dt.date(2026, 4, 1)
NOW = dt.datetime.now(dt.UTC)
TAGS = {TEST_AP_TAG: "0.33401234", GATE_VERDICT_TAG: "pass"}
CHECK = """
    INSERT INTO drift_checks (checked_at, today, model_name, model_version, verdict, reasons, windows)
    VALUES (now(), now(), %s, 1, 'pass', '{}', %s)
"""


@pytest.fixture
def page(database: str, people: People) -> Callable[[], str]:
    """What an auditor sees, with a registry of one version."""

    def show() -> str:
        versions = [ModelVersion(MODEL, 7, "ab", DAY, DAY, "run", TAGS)]
        dsn = make_dsn(database, options="-c role=scoring_desk")
        here = Browser(create_app(dsn, [History(MODEL, lambda: versions).page(), *Logins().pages()]))
        here.log_in_first("anna", people("anna", PersonRole.AUDIT))
        return here.get("/history").text

    return show


def groups_report(month: str, share: float) -> Report:
    figure = {"figure": {"estimate": share, "low": 0, "high": 1}, "ratio": None}
    groups = [
        {"name": "age under 27 years", "is_crossing": False, "selection_rate": figure},
        {"name": "crossed", "is_crossing": True, "selection_rate": figure},
    ]
    interval = {"estimate": 0.3456, "low": 0.3, "high": 0.4}
    came_true = {"month": month, "labelled": 1234, "divorced": 99, "predicted": share, "happened": interval}
    realised = [
        came_true | {"average_precision": interval},
        came_true | {"month": "2026-03", "average_precision": None},
    ]
    facts = json.dumps({"months": [{"month": month, "groups": groups}], "realised": realised})
    return Report(ReportKind.GROUPS, NOW, "pass", "", facts)


def test_an_empty_history_says_so(page: Callable[[], str]) -> None:
    told = page()
    assert "No promotion and no rollback is on record yet" in told
    assert "Groups have not been compared yet" in told
    assert "There has been no drift check yet" in told
    assert "0.3340" in told, "the registry knows of a version"


def test_known_figures_are_drawn_and_listed(page: Callable[[], str], database: str) -> None:
    note_change(database, MODEL, Act.PROMOTION, 7, before=6, person="<b>anna")
    windows = [{"name": "day", "psi": {"Age_Days": 0.3}}, {"name": "week", "psi": {"Age_Days": 0.123, "odd": 0.01}}]
    execute(database, CHECK, MODEL, json.dumps(windows))
    execute(database, CHECK, "another", json.dumps([{"psi": {"Age_Days": 9.0}}]))
    figures = {"champion": {"estimate": 0.31}, "candidate": {"estimate": 0.32}}
    quality = {"champion": 6, "candidate": 7, "versus_champion": {"average_precision": figures}}
    store_report(database, Report(ReportKind.GATE, NOW, "pass", "", json.dumps({"quality": quality})))
    store_report(database, Report(ReportKind.GATE, NOW, "error", "", json.dumps({"quality": None})))
    store_report(database, groups_report("2026-04", 0.07))
    store_report(database, groups_report("2026-04", 0.08))
    store_report(database, groups_report("2026-05", 0.25))
    store_report(database, Report(ReportKind.GROUPS, NOW, "error", "", json.dumps({"months": []})))
    told = page()
    assert re.search(r">7</td>\s*<td data-label=\"how\">promotion", told)
    assert "&lt;b&gt;anna" in told
    assert ">0.300</td>" in told, "the largest of the month, on the scale of people"
    assert "9.000" not in told
    assert 'class="level3">0.300</text>' in told
    assert ">0.3100</td>" in told
    assert ">0.3200</td>" in told
    assert ">8.0%</td>" in told
    assert ">7.0%</td>" not in told, "the newest check of a month counts"
    assert "crossed" not in told
    assert told.count("0.3456 [0.3000, 0.4000]</td>") == 3, "average precision of one month, shares of two"
    assert ">0.3456</td>" in told, "drawn too"
    assert "not defined" in told
    assert ">0.2500</td>" in told
    assert ">0.0800</td>" not in told, "the newest check knows most outcomes"
    assert told.count("<details>") == 3
    assert len(told) < 100_000
    assert "style=" not in told
    assert "<script" not in told


def test_a_registry_that_is_away_is_told_and_all_else_shown(database: str, people: People) -> None:
    def away() -> list[ModelVersion]:
        raise RegistryError("no connection")

    note_change(database, MODEL, Act.ROLLBACK, 7, before=8, person="anna")
    dsn = make_dsn(database, options="-c role=scoring_desk")
    here = Browser(create_app(dsn, [History(MODEL, away).page(), *Logins().pages()]))
    here.log_in_first("anna", people("anna", PersonRole.OPERATE))
    told = here.get("/history").text
    assert "The registry does not answer: no connection" in told
    assert "rollback" in told


def test_the_page_is_for_who_may_see_reports(browser: Browsers, people: People) -> None:
    assert browser().get("/history").headers["location"].startswith("/login?")
    officer = browser()
    officer.log_in_first("bert", people("bert", PersonRole.REVIEW))
    assert officer.get("/history").status_code == 403


def test_a_heat_map_has_a_cell_for_what_is_known_and_columns_in_order() -> None:
    found = heat_map("c", {"a": {"2026-02": 0.5, "2026-01": 0.01}, "b": {"2026-01": 0.1}}, (0.02, 0.1), ".2f", ("x",))
    assert found.columns == ("2026-01", "2026-02")
    assert [row.figures for row in found.rows] == [("0.01", "0.50"), ("0.10", "")]
    assert [cell.level for cell in found.cells] == [0, 2, 2]
    assert all(0 <= cell.x < found.width and 0 <= cell.y < found.height for cell in found.cells)


def test_a_line_chart_keeps_all_dots_inside_also_of_one_point() -> None:
    assert line_chart("c", {"a": []}) is None
    days = [dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (1, 2, 3)]
    for points in ([(days[0], 0.3)], [(day, 0.1 * place) for place, day in enumerate(days)]):
        found = line_chart("c", {"a": points, "empty": []})
        assert found is not None
        dots = found.lines[0].dots
        assert len(dots) == len(points) == len(found.rows)
        assert all(found.left <= dot.x <= found.right and 0 < dot.y < found.bottom for dot in dots)
