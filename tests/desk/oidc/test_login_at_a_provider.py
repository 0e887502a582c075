"""People log in at a real provider, which says who they are and what they may do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import oidc_provider_mock
import pytest
from psycopg2.extensions import make_dsn

from desk.app import create_app
from desk.login import Logins
from desk.oidc.provider import WELL_KNOWN
from fraud.database import connect
from serve.journal.event import Event, faults_of
from serve.journal.table import PERSON_EVENTS
from serve.people import administration
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import read_accounts
from tests.desk.browser import OWN_PASSWORD, Browser
from tests.desk.oidc.conftest import Browsers, desk_with
from tests.desk.oidc.logins import provider_at
from tests.serve.prediction_log_rows import fetch

SUBJECT = "00u1f7"


class RealProvider:
    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def knows(self, subject: str = SUBJECT, **claims: object) -> None:
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def log_in(self, browser: Browser, subject: str = SUBJECT, path: str = "/login/provider") -> httpx.Response:
        """Go to the provider's page, be somebody there, and come back."""
        page = browser.get(path).headers["location"]
        answer = httpx.post(page, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        url = httpx.URL(answer.headers["location"])
        assert url.host == "service.test"
        return browser.get(url.raw_path.decode())


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def provider(issuer: str) -> RealProvider:
    found = RealProvider(issuer)
    found.knows(preferred_username="Anna", roles=["operate"])
    return found


@pytest.fixture
def browser(database: str, issuer: str) -> Browsers:
    return desk_with(database, provider_at(issuer, secret="s:/ cret"))


def accounts_of(dsn: str) -> list[Account]:
    with connect(dsn) as connection:
        return read_accounts(connection)


def journal_of(dsn: str) -> list[Event]:
    with connect(dsn) as connection:
        events = list(PERSON_EVENTS.events(connection))
    assert list(faults_of(events)) == []
    return events


def test_the_login_page_leads_to_the_provider(browser: Browsers, issuer: str) -> None:
    page = browser().get("/login?next=%2Freports").text
    assert 'href="/login/provider?next=%2Freports"' in page
    assert f"Log in at {issuer.removeprefix('http://')}" in page
    sent = browser().get("/login/provider").headers["location"]
    assert sent.startswith(f"{issuer}/")
    assert "?response_type=code&client_id=scoring&" in sent
    assert "code_challenge_method=S256" in sent
    assert "redirect_uri=http%3A%2F%2Fservice.test%2Flogin%2Fprovider%2Fcallback" in sent


def test_a_person_of_the_provider_gets_in(browser: Browsers, provider: RealProvider, database: str) -> None:
    here = browser()
    assert provider.log_in(here, path="/login/provider?next=%2F%3Fx%3D1").headers["location"] == "/?x=1"
    page = here.get("/").text
    assert "State of the service" in page
    assert "anna@localhost" in page
    (account,) = accounts_of(database)
    assert (account.name, account.roles, account.password) == ("anna@localhost", frozenset({PersonRole.OPERATE}), None)
    assert account.last_login_at is not None
    added, login = journal_of(database)
    assert (added.kind, added.person) == ("account_added", f"provider:{provider.issuer.removeprefix('http://')}")
    assert f'"issuer":"{provider.issuer}"' in added.facts
    assert f'"subject":"{SUBJECT}"' in added.facts
    assert (login.kind, login.person, login.facts) == ("login", "anna@localhost", '{"address":"192.0.2.1"}')


def test_the_same_person_has_one_account_whatever_they_are_called(
    browser: Browsers, provider: RealProvider, database: str
) -> None:
    provider.log_in(browser())
    provider.knows(preferred_username="anna-maria", email="other@example.org", roles=["audit"])
    provider.log_in(browser())
    (account,) = accounts_of(database)
    assert (account.name, account.roles) == ("anna@localhost", frozenset({PersonRole.AUDIT}))
    assert [event.kind for event in journal_of(database)] == ["account_added", "login", "roles_changed", "login"]


def test_others_of_the_same_name_or_address_have_accounts_of_their_own(
    browser: Browsers, provider: RealProvider, database: str
) -> None:
    with connect(database) as connection:
        for name in ("anna", "anna@localhost"):
            administration.add(connection, "shell:tests", name, [PersonRole.ADMIN])
    provider.log_in(browser())
    provider.knows("another", preferred_username="anna@example.org", email="anna@localhost", roles=["review"])
    provider.log_in(browser(), "another")
    assert [(one.name, one.provider is not None, set(one.roles)) for one in accounts_of(database)] == [
        ("anna", False, {PersonRole.ADMIN}),
        ("anna-2@localhost", True, {PersonRole.OPERATE}),
        ("anna-3@localhost", True, {PersonRole.REVIEW}),
        ("anna@localhost", False, {PersonRole.ADMIN}),
    ]


def test_no_password_opens_an_account_of_the_provider(browser: Browsers, provider: RealProvider) -> None:
    provider.log_in(browser())
    for password in ("", "None", OWN_PASSWORD):
        assert browser().log_in("anna@localhost", password).status_code == 401


@pytest.mark.parametrize("claims", [{}, {"roles": []}, {"roles": ["king"]}, {"roles": {"admin": True}}])
def test_a_person_without_a_role_is_told_and_not_let_in(
    browser: Browsers, provider: RealProvider, database: str, claims: dict[str, object]
) -> None:
    provider.knows(SUBJECT, preferred_username="anna", **claims)
    here = browser()
    answer = provider.log_in(here)
    assert answer.status_code == 403
    assert "You have no role here" in answer.text
    assert "session" not in here.client.cookies
    assert accounts_of(database) == []
    (event,) = journal_of(database)
    assert (event.kind, event.person) == ("login_refused", "anonymous")
    assert f'"subject":"{SUBJECT}"' in event.facts
    assert "You have no role here" in event.facts


def test_a_person_without_roles_is_logged_out_everywhere(
    browser: Browsers, provider: RealProvider, database: str
) -> None:
    before = browser()
    provider.log_in(before)
    provider.knows(preferred_username="anna", roles=[])
    assert provider.log_in(browser()).status_code == 403
    assert "State of the service" not in before.get("/").text
    (account,) = accounts_of(database)
    assert account.roles == frozenset()
    assert fetch(database, "SELECT count(*) FROM people_sessions") == [(0,)]


def test_a_disabled_person_stays_out(browser: Browsers, provider: RealProvider, database: str) -> None:
    provider.log_in(browser())
    with connect(database) as connection:
        administration.set_disabled(connection, "shell:tests", "anna@localhost", is_disabled=True)
    provider.knows(preferred_username="anna", roles=["operate", "admin"])
    answer = provider.log_in(browser())
    assert answer.status_code == 401
    assert "Your account here is disabled" in answer.text
    (account,) = accounts_of(database)
    assert account.roles == {PersonRole.OPERATE}


@pytest.mark.parametrize(
    ("about", "claims"),
    [
        ({"roles": {"risk-team": "operate", "board": "supervise"}}, {"roles": ["risk-team", "operate?", "admin"]}),
        ({"roles_claim": "realm_access.roles"}, {"realm_access": {"roles": ["operate"]}}),
        ({"roles_claim": "https://agency.example/roles"}, {"https://agency.example/roles": "operate"}),
    ],
    ids=["translated", "inside of another claim", "a name with dots"],
)
def test_roles_come_from_the_claim_that_the_settings_name(
    database: str, provider: RealProvider, about: dict[str, object], claims: dict[str, object]
) -> None:
    provider.knows(SUBJECT, preferred_username="anna", **claims)
    browsers = desk_with(database, provider_at(provider.issuer, secret="s", **about))
    assert provider.log_in(browsers()).status_code == 303
    assert [set(one.roles) for one in accounts_of(database)] == [{PersonRole.OPERATE}]


def test_a_logout_ends_our_session_and_offers_the_providers(browser: Browsers, provider: RealProvider) -> None:
    here = browser()
    provider.log_in(here)
    kept = here.client.cookies["session"]
    assert here.log_out().headers["location"] == "/login/provider/logout"
    page = here.get("/login/provider/logout").text
    described = httpx.get(provider.issuer + WELL_KNOWN).json()
    assert f'href="{described["end_session_endpoint"]}?client_id=scoring"' in page
    here.client.cookies.set("session", kept, domain="service.test")
    assert "State of the service" not in here.get("/").text


def test_a_provider_login_takes_over_from_a_session_that_was_planted(browser: Browsers, provider: RealProvider) -> None:
    here = browser()
    provider.log_in(here)
    planted = here.client.cookies["session"]
    other = browser()
    other.client.cookies.set("session", planted, domain="service.test")
    provider.knows("bert", preferred_username="bert", roles=["operate"])
    provider.log_in(other, "bert")
    assert other.client.cookies["session"] != planted
    assert "bert@localhost" in other.get("/").text
    assert "State of the service" not in here.get("/").text, "what was planted is worth nothing any more"


def test_cookies_of_a_login_are_out_of_reach(browser: Browsers) -> None:
    (plain,) = browser().get("/login/provider").headers.get_list("set-cookie")
    assert re.match("login=[^;]+; HttpOnly; Max-Age=600; Path=/; SameSite=lax$", plain)
    (encrypted,) = browser(encrypted=True).get("/login/provider").headers.get_list("set-cookie")
    assert re.match("__Host-login=[^;]+; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure$", encrypted)


def test_without_a_provider_there_is_no_such_page(database: str) -> None:
    app = create_app(make_dsn(database, options="-c role=scoring_desk"), Logins().pages())
    assert "/login/provider" not in Browser(app).get("/login").text
    assert Browser(app).get("/login/provider").status_code == 404
