"""A visit from the login to the logout, as somebody makes it by keyboard, with and without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from fraud.database import connect
from serve.people import administration
from serve.people.account import PersonRole
from tests.desk.browser import OWN_PASSWORD
from tests.desk.pages.page_table import ANONYMOUS
from tests.desk.pages.site import Site
from tests.desk.pages.tab import visiting


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without script"])
def test_somebody_new_finds_a_report_by_keyboard(chromium: Browser, site: Site, has_script: bool) -> None:
    name = f"newcomer.{'with' if has_script else 'without'}"
    with connect(site.dsn) as connection:
        password = administration.add(connection, "shell:tests", name, [PersonRole.AUDIT])
    with visiting(chromium, site, ANONYMOUS, java_script_enabled=has_script) as tab:
        page = tab.page
        tab.open(site.url + "/reports")
        fill(page, "Name", name)
        fill(page, "Password", password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Change your password")).to_be_visible()
        fill(page, "Current password", password)
        fill(page, "New password", OWN_PASSWORD)
        fill(page, "New password, again", OWN_PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="State of the service")).to_be_visible()
        follow(page, "All reports")
        follow(page, f"Report {site.parts['gate']}")
        expect(page).to_have_title(re.compile("^Gate: "))
        page.go_back()
        page.get_by_role("button", name="Log out").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Log in", exact=True).first).to_be_visible()
        tab.open(site.url + "/reports")
        assert "/login?next=%2Freports" in page.url
        assert tab.complaints == []


def fill(page: Page, label: str, text: str) -> None:
    """Type into the field of that label, which Tab leads to."""
    page.get_by_label(label, exact=True).focus()
    page.keyboard.type(text)


def follow(page: Page, link: str) -> None:
    page.get_by_role("link", name=link, exact=True).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
