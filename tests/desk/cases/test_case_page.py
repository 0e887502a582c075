"""The queue and a case at a browser: what is shown when, and what the forms do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.desk.cases.conftest import Officers
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.some_records import open_cases

SUPERVISE = PersonRole.SUPERVISE
MODEL_WORDS = "couples like these divorced early"
DECISION = {"words": "the papers are in order", "ground_papers": "on", "days": "7"}


@pytest.fixture
def cases(database: str, tmp_path: Path) -> list[int]:
    """One above the threshold, and a control, of couples with the same values."""
    return open_cases(database, tmp_path, [0.44, 0.92])


def case_of(here: Browser) -> str:
    """The address of the next case, which is taken."""
    return str(here.send("/desk").headers["location"])


def neutral(page: str, number: int) -> str:
    """A page without what differs between any two cases: number, application, and moments of the events."""
    page = re.sub(rf"\b(Case |case |cases/){number}\b", r"\1N", page)
    page = re.sub(r"\d\d:\d\d UTC", "", page)
    return re.sub(r"A-\d+", "A-N", re.sub(r'value="[0-9a-f]{20,}"', "", page))


def test_a_control_can_not_be_told_from_other_cases(cases: list[int], officer: Officers) -> None:
    here = officer("anna")
    free = [neutral(here.get(f"/desk/cases/{number}").text, number) for number in cases]
    assert free[0] == free[1]
    while here.send("/desk").status_code == 303:
        pass
    taken = [neutral(here.get(f"/desk/cases/{number}").text, number) for number in cases]
    assert taken[0] == taken[1]
    rows = re.findall(r"<tr>.*?</tr>", here.get("/desk?show=all").text, re.DOTALL)[1:]
    assert len({neutral(row, number) for row, number in zip(rows, cases, strict=True)}) == 1


def test_the_score_comes_after_the_first_view(cases: list[int], officer: Officers) -> None:
    here, other = officer("anna"), officer("bert")
    case = case_of(here)
    page = here.get(case).text
    assert MODEL_WORDS not in page
    assert "Your first view" in page
    assert "0.44" not in page
    refused = here.client.post(case, data=form(here, case, act="cleared", **DECISION))
    assert refused.status_code == 409
    assert "note your first view" in refused.text
    assert here.send(case, act="viewed_first", view="no_concern").status_code == 303
    assert f"44 of 100 {MODEL_WORDS}" in here.get(case).text
    assert MODEL_WORDS not in other.get(case).text, "who has no view of their own"
    assert MODEL_WORDS not in here.get("/desk?show=all").text


def form(here: Browser, path: str, **fields: str) -> dict[str, str]:
    """What a form of that page sends, whether or not the page has it."""
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', here.get(path).text))
    return {**hidden, **fields}


def test_a_case_is_worked_to_its_end(cases: list[int], officer: Officers, database: str) -> None:
    anna, bert, carla = officer("anna"), officer("bert"), officer("carla", SUPERVISE)
    case = case_of(anna)
    anna.send(case, act="viewed_first", view="concern", words="an odd contract")
    anna.send(case, act="noted", words="called them <b>twice</b>")
    assert anna.send(case, act="referred", **DECISION).status_code == 303
    assert "Sign the referral" not in anna.get(case).text
    refused = anna.client.post(case, data=form(anna, case, act="signed"))
    assert (refused.status_code, "a second officer has to sign" in refused.text) == (409, True)
    assert bert.send(case, act="signed").status_code == 303
    page = anna.get(case).text
    assert "refer, by anna and bert" in page
    assert "called them &lt;b&gt;twice&lt;/b&gt;" in page
    assert "grounds: papers" in page
    assert carla.send(case, act="appealed", words="they object", days="5").status_code == 303
    assert "Take this case" not in anna.get(case).text
    assert bert.client.post(case, data=form(bert, case, act="taken")).status_code == 409
    assert carla.send(case, act="taken").status_code == 303
    kinds = [kind for (kind,) in fetch(database, "SELECT kind FROM case_events WHERE case_number = %s", cases[0])]
    assert kinds == ["opened", "taken", "viewed_first", "noted", "referred", "signed", "appealed", "taken"]


def test_a_refused_form_keeps_what_was_typed_and_leaves_nothing(
    cases: list[int], officer: Officers, database: str
) -> None:
    here = officer("anna")
    case = case_of(here)
    here.send(case, act="viewed_first", view="concern")
    before = fetch(database, "SELECT count(*) FROM case_events")
    answer = here.client.post(case, data=form(here, case, act="papers_asked", words="typed at length", days=""))
    assert answer.status_code == 409
    assert "at least one ground that is not the model" in answer.text
    assert "typed at length" in answer.text
    assert fetch(database, "SELECT count(*) FROM case_events") == before


@pytest.mark.parametrize("act", ["", "erased", "opened", "nonsense", "'; DROP TABLE cases; --"])
def test_an_act_that_no_form_has_is_refused(cases: list[int], officer: Officers, act: str) -> None:
    here = officer("anna")
    case = case_of(here)
    assert here.client.post(case, data=form(here, case, act=act)).status_code == 400


def test_an_empty_queue_says_so(officer: Officers) -> None:
    answer = officer("anna").send("/desk")
    assert answer.status_code == 409
    assert "There is no free case" in answer.text


def test_lists_are_filtered(cases: list[int], officer: Officers) -> None:
    here = officer("anna")
    mine = case_of(here)
    shown = {
        query: re.findall(r'href="(/desk/cases/\d+)"', here.get(f"/desk{query}").text)
        for query in ("", "?show=mine", "?show=decided", "?show=open&overdue=1", "?show=nonsense")
    }
    other = next(f"/desk/cases/{number}" for number in cases if f"/desk/cases/{number}" != mine)
    assert shown == {
        "": [other],
        "?show=mine": [mine],
        "?show=decided": [],
        "?show=open&overdue=1": [mine, other],  # of May
        "?show=nonsense": [other],
    }


def test_values_are_told_in_human_units_beside_the_usual_range(cases: list[int], officer: Officers) -> None:
    page = re.sub(r"<[^>]+>", " ", officer("anna").get(f"/desk/cases/{cases[0]}").text)
    assert re.search(r"age\s+26 years\s+20.3 years to 57.5 years", page), page
    assert re.search(r"loan\s+EUR 18,000\s+EUR 7,600 to EUR 24,975", page)


def test_a_month_that_is_gone_leaves_the_case(cases: list[int], officer: Officers, database: str) -> None:
    execute(database, "TRUNCATE prediction_requests CASCADE")
    answer = officer("anna").get(f"/desk/cases/{cases[0]}")
    assert answer.status_code == 200
    assert "has been removed" in answer.text


def test_a_registry_that_is_away_takes_the_reasons_alone(cases: list[int], officer: Officers) -> None:
    here = officer("anna")
    case = case_of(here)
    here.send(case, act="viewed_first", view="concern")
    assert "There are no reasons: no registry is set" in here.get(case).text
    assert here.get(f"{case}/what-if").status_code == 200
    refused = here.send(f"{case}/what-if")
    assert (refused.status_code, "expected a value" in refused.text) == (400, True)


def test_other_values_are_tried_after_the_first_view(cases: list[int], officer: Officers) -> None:
    here = officer("anna")
    case = case_of(here)
    assert here.get(f"{case}/what-if").status_code == 409


def test_an_officer_begins_at_the_queue(officer: Officers) -> None:
    assert officer("anna").get("/").headers["location"] == "/desk"
