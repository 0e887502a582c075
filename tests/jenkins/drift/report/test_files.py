"""The three files of a drift check: complete, readable by those they are for, and safe whatever they quote."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from fraud.verdict import Verdict
from jenkins.drift.report.files import write_report
from jenkins.drift.report.junit import junit_xml
from jenkins.drift.report.page import html_page
from jenkins.drift.report.verdict_json import VerdictFile, verdict_json
from jenkins.drift.result import DriftResult
from tests.html_page import Page
from tests.jenkins.drift.report.drift_results import result, too_few, window

KINDS = [
    pytest.param(result(window(Verdict.PASS)), "no drift", id="no drift"),
    pytest.param(result(window(Verdict.FAIL), window(Verdict.PASS, "last 7 days", 9_000)), "drift", id="drift"),
    pytest.param(result(window(Verdict.DATA_QUALITY_FAULT)), "data-quality fault", id="fault"),
    pytest.param(
        result(window(Verdict.DATA_QUALITY_FAULT, drift_too=True)), "drift, and a data-quality fault", id="both"
    ),
    pytest.param(result(too_few()), "too few to tell", id="too few"),
    pytest.param(result(error="the database is away"), "error", id="error"),
]
HOSTILE = 'a column "<script>alert(1)</script>" & \x00\x1b[31m \ud800 of </td>'


@pytest.mark.parametrize(("found", "word"), KINDS)
def test_the_page_says_it_in_plain_words_and_fetches_nothing(found: DriftResult, word: str) -> None:
    text = html_page(found)
    page = Page(text)
    assert page.open == []
    assert page.words.startswith(f"Drift: {word}, divorce-model")
    assert f"{word.upper()} divorce-model" in page.words, "the headline"
    assert f"(Exit status {found.verdict.exit_status}.)" in page.words
    assert all(reason in page.words for reason in found.reasons)
    for tag in ("script", "link", "img", "iframe"):
        assert not page.every(tag)
    assert len(text) < 150_000


def test_a_window_with_too_few_applications_says_of_no_variable_that_it_is_as_before() -> None:
    assert "as before" in Page(html_page(result(window(Verdict.PASS)))).words
    assert "as before" not in Page(html_page(result(too_few()))).words


def test_the_page_can_be_read_where_styles_are_refused() -> None:
    """Jenkins' default content policy refuses them; drawings keep their colours as they have them as attributes."""
    page = Page(html_page(result(window(Verdict.FAIL))))
    assert not [attributes for _, attributes in page.seen if "style" in attributes]
    assert all("fill" in bar for bar in page.every("rect"))
    assert all("stroke" in line for line in page.every("polyline"))
    # One drawing a variable, and the PSI over time.
    assert len(page.every("svg")) == 11 + 1


def test_the_worst_finding_comes_first() -> None:
    found = window(Verdict.DATA_QUALITY_FAULT)
    assert {one.name for one in found.ranked[:2]} == {"Client_Income", "Phone_Change"}
    words = Page(html_page(result(found))).words
    table = words[words.index("strange values") :]
    places = [table.index(one.name) for one in found.ranked]
    assert places == sorted(places)


@pytest.mark.parametrize(("found", "word"), KINDS)
def test_json_can_be_read_back(found: DriftResult, word: str) -> None:
    content = verdict_json(found)
    assert list(json.loads(content))[:3] == ["verdict", "exit_status", "reasons"]
    read = msgspec.json.decode(content, type=VerdictFile)
    assert read == VerdictFile.of(found)
    assert (read.verdict, read.exit_status) == (found.verdict, found.verdict.exit_status)
    assert [len(one.variables) for one in read.windows] == [11] * len(found.windows), word


def test_json_holds_the_figures_of_each_variable() -> None:
    found = window(Verdict.FAIL)
    read = msgspec.json.decode(verdict_json(result(found)), type=VerdictFile).windows[0].variables[0]
    first = found.ranked[0]
    assert (read.name, read.verdict) == ("Age_Days", Verdict.FAIL)
    assert (read.psi, read.psi_in_range, read.psi_floor) == (first.distances.psi, first.shape.psi, 0.02)
    assert [one.kind for one in read.rare] == [one.kind.value for one in first.rare]


@pytest.mark.parametrize(
    ("found", "cases", "failures", "errors"),
    [
        pytest.param(result(window(Verdict.PASS)), 13, 0, 0, id="no drift"),
        pytest.param(result(window(Verdict.FAIL)), 13, 2, 0, id="drift: the variable, and the check"),
        pytest.param(result(window(Verdict.DATA_QUALITY_FAULT)), 13, 0, 3, id="fault: two variables, and the check"),
        pytest.param(result(too_few()), 1, 1, 0, id="too few is not skipped"),
        pytest.param(result(too_few(), window(Verdict.PASS, "last 7 days")), 13, 0, 0, id="the week can tell"),
        pytest.param(result(error="away"), 1, 0, 1, id="error"),
    ],
)
def test_junit_counts_what_did_not_pass(found: DriftResult, cases: int, failures: int, errors: int) -> None:
    suite = ET.fromstring(junit_xml(found)).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == [str(cases), str(failures), str(errors)]
    assert suite.findall("testcase")[-1].get("name") == "drift"


def test_markup_in_an_error_is_escaped() -> None:
    found = result(error=HOSTILE)
    assert not Page(html_page(found)).every("script")
    ET.fromstring(junit_xml(found))  # noqa: S314 - our own
    json.loads(verdict_json(found))


def test_files_replace_those_of_an_earlier_check(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    write_report(result(window(Verdict.FAIL)), folder)
    paths = write_report(result(window(Verdict.PASS)), folder)
    assert [path.name for path in paths] == ["verdict.json", "report.html", "junit.xml"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert json.loads((folder / "verdict.json").read_text())["verdict"] == "pass"
