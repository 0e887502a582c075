"""A case is worked from the queue to a decision with the keyboard alone, in well under a minute."""

from __future__ import annotations

import time
from typing import Final

from playwright.sync_api import Browser, Page, expect

from serve.people.account import PersonRole
from tests.desk.pages.site import Site
from tests.desk.pages.tab import visiting
from tests.serve.prediction_log_rows import fetch

LONGEST_S: Final = 60.0
MOST_TABS: Final = 60
_FOCUSED: Final = """() => {
  const control = document.activeElement;
  const label = control.labels && control.labels.length ? control.labels[0].innerText : '';
  return [label.trim(), control.innerText.trim()];
}"""


def reach(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if name in page.evaluate(_FOCUSED):
            return
    raise AssertionError(f"{name} is not reached in {page.url}")


def press(page: Page, name: str, key: str = "Enter") -> None:
    """Reach it, and press a key that leads to a page."""
    reach(page, name)
    with page.expect_navigation():
        page.keyboard.press(key)


def test_a_case_is_worked_by_keyboard(chromium: Browser, site: Site) -> None:
    logged = "SELECT count(*) FROM prediction_requests"
    before = fetch(site.dsn, logged)
    with visiting(chromium, site, PersonRole.REVIEW) as tab:
        page = tab.page
        tab.open(site.url + "/desk")
        begun = time.monotonic()
        press(page, "Take the next case")
        number = int(page.url.rpartition("/")[2])
        reach(page, "Why (optional)")
        page.keyboard.type("the contract looks odd")
        press(page, "I see a concern")
        expect(page.get_by_text("of 100 couples like these divorced early")).to_be_visible()
        expect(page.get_by_role("heading", name="What raises it")).to_be_visible()
        press(page, "Try other values")
        reach(page, "income (EUR a year)")
        page.keyboard.press("Control+A")
        page.keyboard.type("60000")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("of 100 couples like these divorced early")
        press(page, "Back to the case")
        reach(page, "papers")
        page.keyboard.press("Space")
        reach(page, "Justification")
        page.keyboard.type("the payslips are in order")
        press(page, "No concern")
        took_s = time.monotonic() - begun
        expect(page.get_by_text("no concern, by review.visitor")).to_be_visible()
        assert tab.complaints == []
        assert tab.foreign_requests(site) == []
    assert took_s < LONGEST_S
    kinds = fetch(site.dsn, "SELECT kind FROM case_events WHERE case_number = %s ORDER BY number", number)
    assert kinds == [("opened",), ("taken",), ("viewed_first",), ("cleared",)]
    assert fetch(site.dsn, logged) == before, "what was tried is no application"
