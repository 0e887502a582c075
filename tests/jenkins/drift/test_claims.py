"""Of all who ask for a retraining because of one drift, one may; the next only after the cool-down."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from fraud.database import connect
from fraud.registry import ModelVersion
from fraud.verdict import Verdict
from jenkins.drift.claims import Bounds, Claim, claim, give_back
from jenkins.drift.errors import DriftError
from tests.serve.prediction_log_rows import execute, fetch

TODAY = dt.date(2026, 3, 1)
DAY = dt.timedelta(days=1)
BOUNDS = Bounds(cooldown=7 * DAY, tries=2)


def version(number: int) -> ModelVersion:
    return ModelVersion("m", number, f"{number:02x}" * 32, TODAY, TODAY, "run", {})


def checked(dsn: str, number: int, verdict: Verdict = Verdict.FAIL, day: dt.date = TODAY) -> None:
    execute(
        dsn,
        "INSERT INTO drift_checks (checked_at, today, model_name, model_version, model_sha256, verdict, reasons,"
        " windows) VALUES (now(), %s, 'm', %s, decode(%s, 'hex'), %s, '{Age_Days: distribution changed}', '[]')",
        *(day, number, version(number).sha256, verdict.value),
    )


def ask(dsn: str, number: int, day: dt.date = TODAY, *, again: bool = False) -> Claim:
    with connect(dsn) as connection:
        return claim(connection, version(number), day, BOUNDS, again=again)


def test_the_first_is_granted_and_says_why(database: str) -> None:
    checked(database, 1)
    answer = ask(database, 1)
    assert answer == Claim(True, "drift from version 1: Age_Days: distribution changed")
    assert fetch(database, "SELECT model_version, granted, reason FROM retrainings") == [(1, True, answer.reason)]


@pytest.mark.parametrize("later", [0, 1, 400], ids=["the same day", "the next day", "a year later"])
def test_a_version_is_retrained_for_once(database: str, later: int) -> None:
    checked(database, 1)
    assert ask(database, 1).granted
    checked(database, 1, day=TODAY + later * DAY)
    answer = ask(database, 1, TODAY + later * DAY)
    assert not answer.granted
    assert "version 1 was retrained for on 2026-03-01" in answer.reason
    assert fetch(database, "SELECT granted FROM retrainings ORDER BY number") == [(True,), (False,)]


@pytest.mark.parametrize(("later", "granted"), [(6, False), (7, True)], ids=["still cooling down", "cooled down"])
def test_the_next_version_has_to_wait(database: str, later: int, granted: bool) -> None:
    checked(database, 1)
    assert ask(database, 1).granted
    checked(database, 2, day=TODAY + later * DAY)
    assert ask(database, 2, TODAY + later * DAY).granted == granted


def test_a_refusal_does_not_lengthen_the_wait(database: str) -> None:
    for number, later, granted in [(1, 0, True), (2, 6, False), (2, 7, True)]:
        checked(database, number, day=TODAY + later * DAY)
        assert ask(database, number, TODAY + later * DAY).granted == granted


def test_a_person_can_decide_otherwise(database: str) -> None:
    checked(database, 1)
    assert ask(database, 1).granted
    assert ask(database, 1, again=True).granted


def undecided(dsn: str, number: int, day: dt.date = TODAY) -> Claim | None:
    with connect(dsn) as connection:
        return give_back(connection, version(number), day, "the machine was busy")


def test_a_retraining_that_decided_nothing_gives_its_claim_back(database: str) -> None:
    checked(database, 1)
    assert ask(database, 1).granted
    assert undecided(database, 1) == Claim(False, "given back: the machine was busy")
    checked(database, 1, day=TODAY + DAY)
    assert ask(database, 1, TODAY + DAY).granted, "neither spent nor cooling down"
    assert not ask(database, 1, TODAY + DAY).granted, "one retraining for each claim"


def test_undecided_retrainings_are_bounded(database: str) -> None:
    for day in (TODAY, TODAY + DAY):
        checked(database, 1, day=day)
        assert ask(database, 1, day).granted
        assert undecided(database, 1, day) is not None
    checked(database, 1, day=TODAY + 2 * DAY)
    answer = ask(database, 1, TODAY + 2 * DAY)
    assert not answer.granted
    assert answer.reason.startswith("2 retrainings for version 1 decided nothing, the last on 2026-03-02")
    assert ask(database, 1, TODAY + 2 * DAY, again=True).granted, "a person can decide otherwise"


@pytest.mark.parametrize("number", [1, 2], ids=["never granted", "of another version"])
def test_only_an_open_claim_is_given_back(database: str, number: int) -> None:
    checked(database, number)
    assert undecided(database, number) is None
    assert ask(database, number).granted
    assert undecided(database, 3 - number) is None
    assert undecided(database, number) is not None
    assert undecided(database, number) is None, "once"


def test_of_many_at_the_same_time_one_is_granted(database: str) -> None:
    checked(database, 1)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(database, 1), range(8)))
    assert sum(answer.granted for answer in answers) == 1


@pytest.mark.parametrize(
    ("verdict", "day", "said"),
    [
        pytest.param(Verdict.PASS, TODAY, "says pass", id="no drift"),
        pytest.param(Verdict.INCONCLUSIVE, TODAY, "says inconclusive", id="too few"),
        pytest.param(Verdict.DATA_QUALITY_FAULT, TODAY, "says data_quality_fault", id="a broken feed"),
        pytest.param(Verdict.ERROR, TODAY, "says error", id="no check"),
        pytest.param(Verdict.FAIL, TODAY - 2 * DAY, "run `python -m jenkins.drift check`", id="too old"),
    ],
)
def test_without_a_drift_that_was_just_found_nothing_is_granted(
    database: str, verdict: Verdict, day: dt.date, said: str
) -> None:
    checked(database, 1, day=day)
    checked(database, 1, verdict, day)
    with pytest.raises(DriftError, match=said):
        ask(database, 1)
    assert fetch(database, "SELECT count(*) FROM retrainings") == [(0,)]


def test_the_drift_of_another_version_is_no_reason(database: str) -> None:
    checked(database, 1)
    with pytest.raises(DriftError, match="no check of version 2"):
        ask(database, 2)
