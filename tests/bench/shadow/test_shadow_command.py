"""The command: what it compares unless somebody says, how it ends, and what it leaves."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.__main__ import app
from fraud.report.verdict_file import read_verdict
from fraud.verdict import Verdict
from tests.bench.shadow.conftest import MODEL, SINCE, Log, Versions
from tests.html_page import Page
from tests.serve.prediction_log_rows import fetch

Run = Callable[..., Result]
DAYS = [f"--since={SINCE:%Y-%m-%d}"]


@pytest.fixture
def run(versions: Versions, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATABASE_URL", log.dsn)
    monkeypatch.delenv("TRAINER_DB_PASSWORD", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", versions.registry.tracking_uri)
    monkeypatch.setenv("MODEL_NAME", MODEL)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DRIFT_MIN_SAMPLES", "100")
    return lambda *arguments: CliRunner().invoke(app, ["shadow", *arguments])


def test_candidate_is_compared_and_told_on_a_page_and_as_json(
    run: Run, versions: Versions, log: Log, tmp_path: Path
) -> None:
    ended = run(*DAYS)
    assert ended.exit_code == 0, ended.output
    assert "bit for bit" in ended.output
    written = json.loads((tmp_path / "shadow" / "verdict.json").read_text())
    assert (written["verdict"], written["champion"]) == ("pass", versions.champion.version)
    assert written["candidate"] == versions.candidate.version
    assert written["record"]["equal"] == written["record"]["compared"] == written["rows"]["read"]
    assert written["comparison"]["figures"]["whole"]["applications"] == written["rows"]["read"]
    text = (tmp_path / "shadow" / "index.html").read_text()
    page = Page(text)
    assert not page.open
    assert not page.every("script")
    assert all(str(image["src"]).startswith("data:image/png") for image in page.every("img"))
    assert "Decisions that flip" in page.words
    ((verdict, stored_page, facts),) = fetch(log.dsn, "SELECT verdict, page, facts FROM reports WHERE kind = 'shadow'")
    assert (verdict, stored_page, json.loads(facts)) == ("pass", text, written)
    assert "A17" not in text + json.dumps(written), "no applicant is named"
    assert not [path for path in tmp_path.iterdir() if path.name != "shadow"]


def test_version_without_reasons_is_compared_without(run: Run, versions: Versions, tmp_path: Path) -> None:
    assert run(*DAYS, f"--candidate={versions.unexplained.version}").exit_code == 0
    words = Page((tmp_path / "shadow" / "index.html").read_text()).words
    assert f"Version {versions.unexplained.version} was registered without what gives reasons" in words


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--since=2026-11-01"], 20, "0 applications were answered since 2026-11-01"),
        (["--today=2026-11-25", "--optional"], 0, "0 applications were answered since 2026-10-28"),
        ([*DAYS, "--candidate=1"], 20, "version 1 is in production itself: nothing to compare"),
        ([*DAYS, "--candidate=1", "--optional"], 0, "nothing to compare"),
    ],
    ids=["nobody applied", "nobody applied, and nobody minds", "production", "production, and nobody minds"],
)
def test_nothing_to_compare_is_undecided_unless_somebody_else_decides(
    run: Run, tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    ended = run(*arguments)
    assert (ended.exit_code, words in ended.output) == (status, True), ended.output
    assert read_verdict(tmp_path / "shadow" / "verdict.json").exit_status == status


def test_veto_rejects(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_VETOES", '{"flip_share": 0.0001}')
    assert run(*DAYS, "--report", str(tmp_path / "elsewhere")).exit_code == 10
    assert read_verdict(tmp_path / "elsewhere" / "verdict.json").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["--candidate=99"], {}, "registry"),
        ([], {"MODEL_NAME": "unheard-of"}, "no candidate"),
        (["--since=9999-01-01"], {}, "use an earlier --since"),
        ([*DAYS], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "PostgreSQL can't be reached"),
    ],
    ids=["no such version", "no candidate", "days to come", "no database"],
)
def test_fault_ends_with_one_line_and_without_a_verdict(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    settings: dict[str, str],
    words: str,
) -> None:
    stale = tmp_path / "shadow" / "verdict.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ended = run(*arguments)
    assert (ended.exit_code, words in ended.output) == (2, True), ended.output
    assert not stale.exists()


def test_window_begins_four_weeks_before_today(run: Run, tmp_path: Path) -> None:
    assert run("--today", str(SINCE.date() + dt.timedelta(weeks=5))).exit_code == 0
    written = json.loads((tmp_path / "shadow" / "verdict.json").read_text())
    assert written["window"]["since"].startswith(str(SINCE.date() + dt.timedelta(weeks=1)))
    assert 0 < written["rows"]["read"] < written["rows"]["answered"] + 1
