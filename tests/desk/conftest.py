"""Pages of a desk in this process, on a database of its own, with the rights of the desk's role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from argon2 import PasswordHasher
from psycopg2.extensions import make_dsn

from desk.app import create_app
from desk.cases.pages import case_pages
from desk.cases.versions import Versions
from desk.cockpit.counters import Counters
from desk.cockpit.page import Cockpit
from desk.cockpit.versions import PlayingVersion
from desk.history.page import History
from desk.keys.pages import KeyPages
from desk.login import Logins
from desk.notices.pages import notices_page
from desk.operate.pages import Operate
from desk.outcomes.pages import outcomes_page
from desk.people import people_page
from desk.reports.pages import report_pages
from fraud.api_keys import ApiKey, Role, new_key
from fraud.database import connect
from serve.access.failed_logins import FailedLogins
from serve.metrics import LATENCY_BUCKETS_S
from serve.notices.table import WayName
from serve.people import administration
from serve.people.account import PersonRole
from tests.desk.browser import Browser

VERSIONS = [
    PlayingVersion("In production", 7, "2026-04-01", "0.3340", "pass", "monthly", "Age_Days"),
    PlayingVersion("Previous"),
]
COUNTERS = Counters(
    answered=1_234,
    refused=5,
    rows=98_765,
    buckets=(1_200, 30, 4, *(0,) * (len(LATENCY_BUCKETS_S) - 2)),
    waiting_records=3,
    oldest_s=2.0,
)

CHEAP_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What hashing costs in operation is tested in `tests/serve/people/test_passwords.py`."""


@pytest.fixture(scope="module", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Nearly every test here logs somebody in, which takes several hashes of 0.13 s of a core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serve.people.passwords._HASHER", CHEAP_HASHER)
        yield


@pytest.fixture
def browser(database: str) -> Callable[..., Browser]:
    """Makes browsers, each with cookies of its own; no failed login is forgiven by time."""
    cockpit = Cockpit("divorce-model", lambda: VERSIONS, lambda: COUNTERS)
    dsn = make_dsn(database, options="-c role=scoring_desk")
    pages = [
        cockpit.page(),
        History("divorce-model", None).page(),
        *report_pages(),
        *Operate(dsn).pages(),
        notices_page([WayName.WEBHOOK]),
        *case_pages(Versions(None), blind_first=True),
        *KeyPages([ApiKey.of(new_key(), "local", [Role.SCORE, Role.READ])]).pages(),
        outcomes_page(),
        people_page(),
        *Logins(FailedLogins(clock=lambda: 0.0)).pages(),
    ]
    app = create_app(dsn, pages)
    return lambda **about: Browser(app, **about)


@pytest.fixture
def people(database: str) -> Callable[..., str]:
    """Adds a person with these roles; returns the password for one login."""

    def add(name: str, *roles: PersonRole) -> str:
        with connect(database) as connection:
            return administration.add(connection, "shell:tests", name, roles)

    return add
