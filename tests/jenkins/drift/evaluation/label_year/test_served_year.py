"""The year of `jenkins.drift.evaluation.label_year` through the product: a server, its desk, labels and retrainings.

A month here is a minute: all times are those of the clock, so what is known when is what was recorded when. The
applicants are of the reference data, of whom the truth is known; the product learns it only of who was looked at.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from fraud.api_keys import API_KEYS, ApiKey, Role, bearer, new_key
from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole, Settings
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from initdb.schema import apply_schema
from jenkins.drift.control import control_report
from jenkins.drift.looked_at import store_looked_at
from jenkins.drift.realised import RealisedMonth, realised_month, realised_months
from serve.cases.case import Act, Ground
from serve.cases.work import Officer, Said, do, take_next
from serve.people.account import PersonRole
from tests.databases import new_database
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.review_policies import KEY, add_policy
from tests.train.quick_search import shorten_search
from train.dataset import Dataset, load_dataset
from train.pipeline import run
from train.refresh import refresh

MONTHS: Final = 6
APPLICATIONS: Final = 400
"""A month."""
SUSPECTED: Final = 0.1
CONTROL: Final = 0.1
CAPACITY: Final = 20
"""Cases that an officer can decide in a month."""
DELAY: Final = 2
"""Months from a decision to the outcome."""
BEGIN: Final = dt.date(2025, 9, 1)
"""Eight months after applicants changed: a model tells whom to look at."""
END: Final = dt.date(2026, 5, 1)
DAY: Final = dt.timedelta(days=1)
SCORES, TELLS = new_key(), new_key()
OFFICERS: Final = [Officer(name, frozenset({PersonRole.REVIEW})) for name in ("anna", "bert", "carla")]


@dataclass
class Year:
    """What happened, and the truth that the product does not know."""

    url: str
    dsn: str
    registry: Registry
    truth: dict[str, int] = field(default_factory=dict)
    answers: dict[str, float] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    decided: dict[int, list[str]] = field(default_factory=dict)
    """By month: applications whose case was decided in it."""

    @property
    def average_precision(self) -> float:
        """On everybody."""
        labels = np.array([self.truth[name] for name in self.answers])
        return float(average_precision(rank(labels, np.array(list(self.answers.values()), np.float32))))


@pytest.fixture
def year(stack: LiveStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    """A server with a first model, before the first month."""
    password = stack.secrets["DESK_DB_PASSWORD"]
    assert password is not None
    name = f"year_{uuid.uuid4().hex[:8]}"
    with new_database(stack.owner_dsn, name) as dsn:
        apply_schema(dsn)
        registry = Registry(stack.tracking_uri, name)
        _copy_reference(stack, dsn)
        shorten_search(monkeypatch)
        first = run(dsn, registry, BEGIN, seed=1, threads=1, promote_first=True, progress=_quiet)
        assert registry.version_of(PRODUCTION) == first.version
        keys = [ApiKey.of(SCORES, "client", [Role.SCORE]), ApiKey.of(TELLS, "registry", [Role.LABEL])]
        settings = {
            "DATABASE_URL": dsn,
            "DESK_DB_PASSWORD": password,
            "MODEL_NAME": name,
            "REVIEW_CONTROL_KEY": KEY.decode(),
            "SERVE_WORKERS": "1",
            API_KEYS: ",".join(map(str, keys)),
        }
        monkeypatch.setenv("DATABASE_URL", dsn)
        monkeypatch.setenv("REVIEW_CONTROL_KEY", KEY.decode())
        with server_beside(stack, tmp_path, **settings) as url:
            yield Year(url, dsn, registry)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_weighted_labels_of_a_served_year_hold_the_truth_and_unweighted_ones_do_not(
    stack: LiveStack, year: Year
) -> None:
    applicants = _applicants(stack)
    chosen = np.random.default_rng(1).choice(applicants.y.size, MONTHS * APPLICATIONS, replace=False)
    _adopt_policy(stack, year, applicants.x[chosen[:APPLICATIONS]])
    for month, rows in enumerate(np.split(chosen, MONTHS)):
        _apply(year, month, applicants.x[rows], applicants.y[rows])
        _work(year, month)
        _tell(year, year.decided.get(month - DELAY, []))
        _retrain(stack, year)
    for month in range(MONTHS - DELAY, MONTHS):
        _tell(year, year.decided[month])
    store_looked_at(Settings())

    assert len(set(year.versions)) == MONTHS, "each month was answered by a version of its own"
    assert fetch(year.dsn, "SELECT count(*) FROM cases WHERE state = 'new'") != [(0,)], "capacity was limited"
    tomorrow = dt.datetime.now(dt.UTC).date() + DAY
    report = control_report(Settings(), tomorrow)
    assert report.average_precision is not None
    assert report.average_precision.low <= year.average_precision <= report.average_precision.high
    with connect(year.dsn) as connection:
        weighted = max(realised_months(connection, tomorrow), key=lambda one: one.labelled)
    rate = float(np.mean(list(year.truth.values())))
    assert weighted.happened.low <= rate <= weighted.happened.high

    naive = _unweighted(year)
    assert naive.happened.low > 1.2 * rate
    assert naive.average_precision is not None
    assert naive.average_precision.low > year.average_precision


def _copy_reference(stack: LiveStack, dsn: str) -> None:
    """Applications of before the desk, whose outcomes are known of everybody."""
    known = sql.SQL('SELECT * FROM public.divorce_predictions WHERE "Date" < {}').format(sql.Literal(BEGIN))
    rows = io.BytesIO()
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.copy_expert(sql.SQL("COPY ({}) TO STDOUT").format(known), rows)
    rows.seek(0)
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.copy_expert("COPY public.divorce_predictions FROM STDIN", rows)


def _applicants(stack: LiveStack) -> Dataset:
    """Who applied from then on."""
    known = load_dataset(stack.dsn(DatabaseRole.TRAINER), END)
    return known.part(slice(int(np.searchsorted(known.dates, np.datetime64(BEGIN))), None))


def _adopt_policy(stack: LiveStack, year: Year, x: NDArray[np.float32]) -> None:
    """Signed by two, from a threshold on that the first model gives."""
    body = {"instances": [_instance(row) for row in x]}
    answer = httpx.post(f"{year.url}/batch_predict", json=body, headers=bearer(SCORES), timeout=60)
    threshold = float(np.float32(np.quantile(answer.json()["probabilities"], 1 - SUSPECTED)))
    at = dt.datetime.now(dt.UTC) - DAY
    assert add_policy(year.dsn, at=at, threshold=threshold, control_share=CONTROL) is not None
    _load_production(stack, year)


def _apply(year: Year, month: int, x: NDArray[np.float32], y: NDArray[np.int8]) -> None:
    """A month's applications, one after the other, until their cases are open."""
    before, reviewed = _number_of_cases(year), 0
    with httpx.Client(headers=bearer(SCORES), timeout=60) as client:
        for place, (row, divorced) in enumerate(zip(x, y, strict=True)):
            name = f"couple-{month}-{place}"
            body = {**_instance(row), "application_id": name}
            answer = client.post(f"{year.url}/predict?decision=true", json=body)
            assert answer.status_code == 200, answer.text
            year.truth[name], year.answers[name] = int(divorced), answer.json()["probability"]
            reviewed += answer.json()["decision"] == "review"
    year.versions.append(answer.headers["x-model-version"])
    assert reviewed > 0
    wait_until(lambda: _number_of_cases(year) == before + reviewed, 60, "cases are open")


def _work(year: Year, month: int) -> None:
    """Officers take what is due first, each as many as they can; who is referred is signed for by a colleague."""
    desk = make_dsn(year.dsn, options="-c role=scoring_desk")
    done = year.decided.setdefault(month, [])
    for officer, colleague in list(zip(OFFICERS, OFFICERS[1:] + OFFICERS[:1], strict=True)) * CAPACITY:
        with connect(desk) as connection:
            case = take_next(connection, officer)
            if case is None:
                return
            assert case.application_id is not None
            done.append(case.application_id)
            concerned = bool(year.truth[case.application_id])
            said = Said(words="papers and a visit", grounds=[Ground.PAPERS], is_concerned=concerned)
            steps = [(officer, Act.VIEWED_FIRST), (officer, Act.REFERRED if concerned else Act.CLEARED)]
            for who, act in [*steps, *([(colleague, Act.SIGNED)] if concerned else [])]:
                do(connection, who, case.number, act, said, blind_first=True)


def _tell(year: Year, names: Sequence[str]) -> None:
    """The register says what became of them."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    labels = [
        {
            "application_id": name,
            "outcome": "divorce" if year.truth[name] else "no_divorce",
            "date": today,
            "source": "register",
        }
        for name in names
    ]
    if labels:
        answer = httpx.post(f"{year.url}/labels", json={"labels": labels}, headers=bearer(TELLS), timeout=60)
        assert (answer.status_code, answer.json()["recorded"]) == (200, len(labels)), answer.text


def _retrain(stack: LiveStack, year: Year) -> None:
    """The recipe in production, fitted again on all that is known by now, each outcome with its weight."""
    store_looked_at(Settings())
    champion = year.registry.version_of(PRODUCTION)
    assert champion is not None
    tomorrow = dt.datetime.now(dt.UTC).date() + DAY
    weights = load_dataset(year.dsn, tomorrow).weights
    told = fetch(year.dsn, "SELECT count(*) FROM outcomes") != [(0,)]
    assert told == (weights is not None)
    assert weights is None or weights.max() == pytest.approx(1 / CONTROL)
    version = refresh(year.dsn, year.registry, champion, tomorrow, seed=1, threads=1, progress=_quiet)
    year.registry.set_alias(PRODUCTION, version.version)
    _load_production(stack, year)


def _load_production(stack: LiveStack, year: Year) -> None:
    answer = httpx.post(f"{year.url}/update-model", auth=stack.admin, timeout=120)
    assert answer.status_code == 200, answer.text


def _unweighted(year: Year) -> RealisedMonth:
    """What the report would say if each outcome stood for itself."""
    rows = fetch(year.dsn, 'SELECT probability, "Divorce" FROM labelled_predictions')
    scores, labels = np.array(rows, np.float32).T
    return realised_month("the year", scores, labels.astype(np.int8), np.ones(len(rows)))


def _number_of_cases(year: Year) -> int:
    ((number,),) = fetch(year.dsn, "SELECT count(*) FROM cases")
    return int(number)


def _instance(row: NDArray[np.float32]) -> Mapping[str, Any]:
    values = zip(FEATURE_NAMES, row.tolist(), strict=True)
    return {name: None if np.isnan(value) else value for name, value in values}


def _quiet(*_: object) -> None:
    """Nobody watches."""
