"""Pages without a mouse: every control is reached by Tab and shows that it is, and forms are sent by Enter."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.desk.pages.page_table import ANONYMOUS, DRAWN, LOG_OUT, Kind, Listed
from tests.desk.pages.site import Site
from tests.desk.pages.tab import visiting

WITH_FORMS: Final = tuple(page for page in DRAWN if page.kind is Kind.PAGE)
_CONTROLS: Final = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
_NUMBER: Final = f"""() => {{
  let number = 0;
  for (const control of document.querySelectorAll("{_CONTROLS}"))
    if (control.checkVisibility() && !control.disabled) control.dataset.number = number++;
  return number;
}}"""
_FOCUSED: Final = """() => {
  const control = document.activeElement;
  if (!control || control.dataset.number === undefined) return null;
  const style = getComputedStyle(control);
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return [Number(control.dataset.number), ring, control.outerHTML.slice(0, 120)];
}"""


def pages(listed: tuple[Listed, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("listed", listed, ids=[page.name for page in listed])


@pages(DRAWN)
def test_every_control_is_reached_by_tab_and_shows_it(chromium: Browser, site: Site, listed: Listed) -> None:
    with visiting(chromium, site, listed.visitor, bypass_csp=listed.kind is Kind.REPORT) as tab:
        tab.open(site.address(listed))
        controls = tab.page.evaluate(_NUMBER)
        reached = walk(tab.page, controls)
    assert {number for number, _, _ in reached} == set(range(controls))
    assert [markup for _, has_ring, markup in reached if not has_ring] == []


def walk(page: Page, controls: int) -> list[Any]:
    """What has the focus after each of so many presses of Tab, and of a few more."""
    reached = []
    for _ in range(controls + 1):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(_FOCUSED))
    return [found for found in reached if found is not None]


@pages(WITH_FORMS)
def test_a_page_has_the_buttons_of_the_table_and_no_others(chromium: Browser, site: Site, listed: Listed) -> None:
    with visiting(chromium, site, listed.visitor) as tab:
        tab.open(site.address(listed))
        found = tab.page.get_by_role("button").all()
        shown = [button.inner_text() for button in found if button.get_attribute("type") != "file"]
    everywhere = () if listed.visitor is ANONYMOUS else (LOG_OUT,)
    assert sorted(shown) == sorted((*everywhere, *listed.buttons))


@pages(tuple(page for page in WITH_FORMS if page.buttons))
def test_a_form_is_sent_by_enter(chromium: Browser, site: Site, listed: Listed) -> None:
    """What is sent is kept from the service: what it does is tested elsewhere. In a field for a file, Enter opens a
    choice of files; there it is pressed at the button.
    """
    sent: list[str] = []

    def keep(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.url)
            route.fulfill(status=204)
        else:
            route.continue_()

    with visiting(chromium, site, listed.visitor) as tab:
        tab.page.route("**", keep)
        tab.open(site.address(listed))
        for name in listed.buttons:
            form = tab.page.get_by_role("button", name=name, exact=True).locator("xpath=ancestor::form")
            for one in form.locator("input[type=file]").all():
                one.set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": b"x"})
            fields = form.locator("input:not([type=hidden]):not([type=checkbox]):not([type=file])").all()
            for one in fields:
                one.fill("1" if one.get_attribute("type") == "number" else "filled.in.by.hand")
            last = fields[-1] if fields else form.get_by_role("button", name=name, exact=True)
            with tab.page.expect_request(lambda request: request.method == "POST"):
                last.press("Enter")
    assert len(sent) == len(listed.buttons)
