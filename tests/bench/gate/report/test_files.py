"""The three files: complete, readable by those they are for, and safe whatever the reasons contain."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.gate.report.files import write_report
from bench.gate.report.gate_json import gate_json
from bench.gate.report.gate_report import GateReport
from bench.gate.report.junit import junit_xml
from bench.gate.report.page import html_page
from fraud.verdict import Verdict
from tests.bench.gate.report.gate_reports import figures_of, first_model, latency, quality, report
from tests.html_page import Page

KINDS = [
    pytest.param(lambda: report(quality(), latency()), id="passed"),
    pytest.param(lambda: report(quality(Verdict.FAIL)), id="failed"),
    pytest.param(lambda: report(quality(Verdict.INCONCLUSIVE)), id="inconclusive"),
    pytest.param(lambda: report(first_model()), id="first model"),
    pytest.param(
        lambda: report(quality(), latency(Verdict.FAIL, ("503 prediction_log_full",))), id="errors under load"
    ),
    pytest.param(lambda: report(None, error="the MLflow registry at http://mlflow failed"), id="registry is gone"),
]
HOSTILE = 'version "<script>alert(1)</script>" & \x00\x1b[31m \ud800 of </td>'


@pytest.mark.parametrize("made", KINDS)
def test_the_page_is_whole_and_fetches_nothing(made: Callable[[], GateReport]) -> None:
    found = made()
    text = html_page(found)
    page = Page(text)
    assert page.open == []
    assert found.verdict.upper().replace("_", " ") in page.text
    assert all(" ".join(reason.split()) in page.words for reason in found.reasons)
    assert not page.every("script")
    assert not page.every("link")
    assert "http-equiv" in text
    plots = page.every("img")
    assert all(str(image["alt"]) for image in plots)
    for image in plots:
        head, _, content = str(image["src"]).partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(content, validate=True).startswith(b"\x89PNG")
    assert len(text) < 600_000


@pytest.mark.parametrize("made", KINDS[:2] + KINDS[3:4])
def test_page_and_json_always_say_who_is_suspected(made: Callable[[], GateReport]) -> None:
    found = made()
    assert found.quality is not None
    assert found.quality.groups is not None
    page = Page(html_page(found))
    assert "Who is suspected" in page.text
    for group in found.quality.groups.groups:
        assert group.name in page.words
    assert all(finding in page.words for finding in found.quality.groups.findings)
    read = json.loads(gate_json(found))["quality"]["groups"]["groups"]
    assert [group["name"] for group in read] == [group.name for group in found.quality.groups.groups]


def test_page_and_json_say_what_weighted_rows_tell() -> None:
    plain = quality()
    assert plain.holdout is not None
    weighted = replace(plain, holdout=replace(plain.holdout, effective=(117.4, 1_240.0)))
    words = " ".join(html_page(report(weighted)).split())
    assert "with the precision of 117 applications with and 1,240 without a divorce of equal weight" in words
    assert "Horvitz-Thompson" not in html_page(report(plain))
    assert json.loads(gate_json(report(weighted)))["quality"]["holdout"]["effective"] == [117.4, 1240.0]


def test_the_page_shows_both_halves() -> None:
    page = Page(html_page(report(quality(), latency())))
    for word in (
        "version 7 against version 6",
        "Brier score",
        "age under 27 years",
        "no coordinated omission",
        "batch of 1,000",
    ):
        assert word in page.words
    assert len(page.every("img")) == 5


@pytest.mark.parametrize("made", KINDS)
def test_json_has_the_verdict_first_and_all_figures(made: Callable[[], GateReport]) -> None:
    found = made()
    read = json.loads(gate_json(found))
    assert list(read)[:3] == ["verdict", "exit_status", "reasons"]
    assert (read["verdict"], read["exit_status"]) == (found.verdict.value, found.verdict.exit_status)
    assert read["reasons"] == list(found.reasons)
    if found.quality is not None and found.quality.versus_champion is not None:
        assert found.quality.versus_champion.lower_bound in figures_of(read["quality"])
        assert "plots" not in read["quality"]
    assert len(gate_json(found)) < 200_000, "no plot is in it"


@pytest.mark.parametrize(
    ("made", "failures", "errors"),
    [
        pytest.param(lambda: report(quality(), latency()), 0, 0, id="passed"),
        pytest.param(lambda: report(quality(Verdict.FAIL)), 2, 0, id="failed"),
        pytest.param(lambda: report(quality(Verdict.INCONCLUSIVE)), 2, 0, id="inconclusive is not skipped"),
        pytest.param(lambda: report(None, error="the registry failed"), 0, 1, id="error"),
    ],
)
def test_junit_counts_what_did_not_pass(made: Callable[[], GateReport], failures: int, errors: int) -> None:
    found = made()
    suite = ET.fromstring(junit_xml(found)).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors")) == (str(failures), str(errors))
    cases = suite.findall("testcase")
    assert suite.get("tests") == str(len(cases))
    assert cases[-1].get("name") == "promotion"
    texts = "".join(text for case in cases for text in case.itertext())
    assert all(reason in texts for reason in found.reasons)


def test_markup_in_a_reason_is_escaped() -> None:
    found = report(None, error=HOSTILE)
    page = html_page(found)
    assert not Page(page).every("script")
    assert "&lt;script&gt;" in page
    ET.fromstring(junit_xml(found))  # noqa: S314 - our own
    json.loads(gate_json(found))


def test_files_replace_those_of_an_earlier_gate(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    write_report(report(quality(Verdict.FAIL)), folder)
    paths = write_report(report(quality(), latency()), folder)
    assert [path.name for path in paths] == ["gate.json", "gate.html", "junit.xml"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert json.loads((folder / "gate.json").read_text())["verdict"] == "pass"
    assert re.search(r"<title>Gate: pass", (folder / "gate.html").read_text())
