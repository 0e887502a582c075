"""What a supervisor sees: the figures from given cases and judgements, and the page from a database."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from desk.cases.figures import between_officers, by_group, feature_groups, load_of, precision, with_the_model
from fraud.features import EXAMPLE_INSTANCE, FEATURES
from serve.cases.case import Act
from serve.cases.overview import Judgement, OverviewCase
from serve.people.account import PersonRole
from tests.desk.cases.conftest import Officers
from tests.serve.prediction_log_rows import execute
from tests.serve.some_cases import happen
from tests.serve.some_records import open_cases

NOW = dt.datetime(2026, 5, 11, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
VALUES = list(EXAMPLE_INSTANCE.values())


def case(number: int, state: str, age: int = 1, due_in: int = 1, **about: object) -> OverviewCase:
    facts: dict[str, Any] = {
        "holder": None,
        "decision": None,
        "is_escalated": False,
        "probability": 0.4,
        "features": VALUES,
        **about,
    }
    return OverviewCase(number, state, opened_at=NOW - age * DAY, due_at=NOW + due_in * DAY, endpoint=None, **facts)


def view(number: int, person: str, concerned: bool, first: bool = False) -> Judgement:
    return Judgement(number, person, "viewed_first" if first else "referred", concerned, first)


def test_the_load_counts_what_is_open() -> None:
    cases = [
        case(1, "new", age=8, due_in=-1),
        case(2, "appealed", age=2),
        case(3, "taken", holder="anna", due_in=-2),
        case(4, "waiting", holder="anna", is_escalated=True),
        case(5, "closed", age=100, due_in=-50),
    ]
    load = load_of(cases, NOW)
    assert (load.free, load.overdue, load.waiting, load.escalated) == (2, 2, 1, 1)
    assert (load.oldest_days, load.median_days) == (8, 5)
    assert load.by_officer == [("anna", 2, 1)]
    assert load_of([], NOW).oldest_days is None


def test_officers_are_compared_where_two_judged_one_case() -> None:
    judged = [
        view(1, "anna", True, first=True),
        view(1, "anna", True),
        view(1, "bert", True),
        view(2, "anna", False),
        view(3, "bert", True),
        view(3, "anna", False),
    ]
    found = between_officers(judged)
    assert found.pairs == 2
    assert found.share is not None
    assert found.share.estimate == 0.5


def test_officers_are_compared_with_the_model_before_and_after_they_saw_it() -> None:
    flagged = {1: True, 2: True, 3: False, 4: True}
    judged = [
        *(view(1, "anna", False, first=True), view(1, "anna", True)),  # goes over to the model
        *(view(2, "anna", False, first=True), view(2, "anna", False)),
        *(view(3, "bert", False, first=True), view(3, "bert", True)),  # turns away from it
        *(view(4, "bert", True, first=True), view(4, "anna", False)),  # somebody else decides
        *(view(5, "bert", True, first=True), view(5, "bert", True)),  # its record is gone
    ]
    found = with_the_model(judged, flagged)
    assert (found.before.pairs, found.after.pairs) == (4, 3)
    shares = found.before.share, found.after.share, found.moved_to, found.moved_away
    assert [share.estimate for share in shares if share is not None] == pytest.approx([0.5, 1 / 3, 0.5, 1.0])


def test_precision_of_queue_and_controls_is_apart() -> None:
    outcomes = {1: True, 2: False, 3: False, 9: True}
    flagged = {1: True, 2: True, 3: False, 4: False}
    queue, share = precision(outcomes, flagged, controls=False)
    assert share is not None
    assert (queue, share.estimate) == (2, 0.5)
    assert share.low < 0.5 < share.high
    controls, share = precision(outcomes, flagged, controls=True)
    assert share is not None
    assert (controls, share.estimate) == (1, 0.0)
    assert precision({}, flagged, controls=True) == (0, None)


def test_decisions_are_counted_by_group() -> None:
    cases = [case(1, "decided", decision="no_concern"), case(2, "waiting", decision="refer"), case(3, "new")]
    groups = {1: {"region": "north"}, 2: {"region": "north"}, 3: {"region": "north"}}
    (north,) = by_group(cases, groups)
    assert (north.attribute, north.value, north.decided, north.cleared.estimate) == ("region", "north", 2, 0.5)


def test_features_of_which_people_are_protected_make_groups() -> None:
    groups = feature_groups([case(1, "new"), case(2, "new", features=None)], FEATURES)
    assert list(groups) == [1]
    assert set(groups[1]) == {
        feature.called for feature in FEATURES if feature.protected and (feature.bands or feature.is_enumerated)
    }
    assert groups[1]["age"].endswith("years")


def test_the_page_has_the_figures(database: str, tmp_path: Path, officer: Officers) -> None:
    flagged, control = open_cases(database, tmp_path, [0.9, 0.1])
    for number in (flagged, control):
        happen(database, number, "anna", Act.TAKEN)
        happen(database, number, "anna", Act.VIEWED_FIRST, is_concerned=False)
        happen(database, number, "anna", Act.CLEARED, "fine", grounds=["papers"])
    execute(database, "INSERT INTO application_outcomes VALUES ('A-0', 1, '2026-09-01'), ('A-1', 0, '2026-09-01')")
    execute(database, "INSERT INTO applicant_groups VALUES ('A-0', 'region', 'north')")
    page = officer("carla", PersonRole.SUPERVISE).get("/desk/supervision").text
    told = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "above the threshold 1 100% (95%: 21% to 100%)" in told
    assert "control sample 1 0% (95%: 0% to 79%)" in told
    assert "officers and the model, before they see it 2 50%" in told
    assert "region: north 1 100%" in told
