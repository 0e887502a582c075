"""Attacks in a real browser: forms of other sites, planted sessions, links that lead away, text that would run."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import quote

import psycopg2
import pytest
from playwright.sync_api import Browser, Page, expect

from desk.visits import TOKEN
from fraud.database import connect
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password
from serve.people.sessions import form_token
from tests.desk.browser import OWN_PASSWORD
from tests.desk.pages.hostile import MARK, RAN, SHOWN_ON, hostile
from tests.desk.pages.page_table import ANONYMOUS, FORMS
from tests.desk.pages.site import COOKIE, Site, name_of
from tests.desk.pages.tab import Tab, planted_cookie, visiting

VICTIM: Final = PersonRole.OPERATE
EVIL: Final = "evil.example"
AWAY: Final = (
    *(f"https://{EVIL}/", f"//{EVIL}/", f"///{EVIL}/", f"/\\{EVIL}/", f"\\\\{EVIL}/", f"https:{EVIL}"),
    *(f"/\t/{EVIL}/", f"/\n/{EVIL}/", f"\t//{EVIL}/", "javascript:window.stolen=1", "data:text/html,<h1>evil</h1>"),
    *(f"/..//{EVIL}/", f"/%2f/{EVIL}/", f"/@{EVIL}/", f"http:///{EVIL}/", f" //{EVIL}/"),
)
"""Where a link to our login would like to lead."""


@contextmanager
def another_site(page: str) -> Iterator[int]:
    """Port of a site that shows a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["another origin", "another site"])
@pytest.mark.parametrize("route", FORMS)
def test_a_form_of_another_site_does_nothing(chromium: Browser, site: Site, route: str, host: str) -> None:
    """Also one that has found out the token: the browser says where the form is from."""
    role = min(role for role in FORMS[route] if role is not None)
    secret = site.log_in(role)
    fields = {TOKEN: form_token(secret), "name": name_of(role), "password": OWN_PASSWORD, "current": OWN_PASSWORD}
    inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    page = f'<form method="post" action="{site.form_address(route)}">{inputs}<button>A prize</button></form>'
    with another_site(page) as port, visiting(chromium, site, ANONYMOUS) as tab:
        tab.page.context.add_cookies([planted_cookie(site, secret)])
        tab.open(f"http://{host}:{port}/")
        with tab.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            tab.page.get_by_role("button").click()
        assert answered.value.status in {403, 303}
        tab.page.wait_for_load_state()
        assert session_in(tab) == secret, "nothing was set"
        tab.open(site.url + "/password")
        expect(tab.page.get_by_role("heading", name="Change your password")).to_be_visible()


def session_in(tab: Tab) -> str | None:
    return next((kept["value"] for kept in tab.page.context.cookies() if kept["name"] == COOKIE), None)


@pytest.mark.parametrize("is_of_somebody", [True, False], ids=["a session of the attacker", "invented"])
def test_a_planted_session_is_worth_nothing_after_the_login(
    chromium: Browser, site: Site, is_of_somebody: bool
) -> None:
    planted = site.log_in(PersonRole.REVIEW) if is_of_somebody else "known-to-the-attacker"
    with visiting(chromium, site, ANONYMOUS) as tab:
        tab.page.context.add_cookies([planted_cookie(site, planted)])
        log_in(tab.page, site.url + "/login")
        expect(tab.page.get_by_text(name_of(VICTIM))).to_be_visible()
        assert session_in(tab) not in {planted, None}
    with visiting(chromium, site, ANONYMOUS) as attacker:
        attacker.page.context.add_cookies([planted_cookie(site, planted)])
        attacker.open(site.url)
        expect(attacker.page.get_by_role("link", name="Log in", exact=True).first).to_be_visible()


def log_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Name", exact=True).fill(name_of(VICTIM))
    page.get_by_label("Password", exact=True).fill(OWN_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state()


def test_a_login_leads_to_no_other_host(chromium: Browser, site: Site) -> None:
    with visiting(chromium, site, ANONYMOUS) as tab:
        for away in AWAY:
            log_in(tab.page, f"{site.url}/login?next={quote(away, safe='')}")
            assert session_in(tab) is not None
            assert tab.foreign_requests(site) == [], away
            tab.page.context.clear_cookies()


@pytest.mark.parametrize("source", SHOWN_ON)
def test_text_from_elsewhere_is_shown_and_not_run(chromium: Browser, site: Site, source: str) -> None:
    path = SHOWN_ON[source].format(**site.parts)
    with visiting(chromium, site, PersonRole.REVIEW if path.startswith("/desk") else VICTIM) as tab:
        tab.open(site.url + path)
        assert hostile(source) in tab.page.inner_text("body")
        assert_nothing_ran(tab)


@pytest.mark.parametrize("path", ["/reports/{}", "/login?next={}", "/reports?kind={}"])
def test_an_address_is_shown_and_not_run(chromium: Browser, site: Site, path: str) -> None:
    with visiting(chromium, site, VICTIM) as tab:
        tab.open(site.url + path.format(quote("/" + hostile("address"), safe="")))
        assert_nothing_ran(tab)


def test_a_name_that_somebody_types_is_shown_and_not_run(chromium: Browser, site: Site) -> None:
    with visiting(chromium, site, ANONYMOUS) as tab:
        tab.open(site.url + "/login")
        typed = hostile("u")[:64]
        tab.page.get_by_label("Name", exact=True).fill(typed)
        tab.page.get_by_label("Password", exact=True).fill("not the password")
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_role("alert")).to_be_visible()
        assert tab.page.get_by_label("Name", exact=True).input_value() == typed
        assert_nothing_ran(tab)


def assert_nothing_ran(tab: Tab) -> None:
    """Neither script nor markup: the content policy alone would stop scripts, too."""
    assert tab.page.locator(f"[{MARK}]").count() == 0
    assert tab.page.evaluate(RAN) is None
    assert not [address for address in tab.asked if address.endswith("/x")]


def test_the_database_takes_no_hostile_name_of_a_person(site: Site) -> None:
    account = Account(hostile("name of a person"), frozenset({VICTIM}), hash_password(OWN_PASSWORD))
    with pytest.raises(psycopg2.errors.CheckViolation), connect(site.dsn) as connection:
        add_account(connection, account)
