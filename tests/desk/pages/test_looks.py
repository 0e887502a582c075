"""How pages look: in light and dark, on a screen and on a telephone, to people who see otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from tests.desk.pages.page_table import DRAWN, PAGES, Kind, Listed
from tests.desk.pages.site import Site
from tests.desk.pages.tab import Tab, visiting

PICTURES: Final = Path(__file__).parents[3] / ".run" / "screenshots"
"""Kept for who wants to see them; `.run` is in no commit."""
WIDTHS: Final = (1280, 390)
HEIGHT: Final = 800
SCHEMES: Final = ("light", "dark")
_CUT_OFF: Final = """(isNarrow) => {
  const root = document.documentElement, room = root.clientWidth;
  const told = [];
  if (root.scrollWidth > room) told.push(`the page is ${root.scrollWidth} wide`);
  for (const part of document.querySelectorAll('th, td, dt, dd, caption, h1, h2, button, input, label')) {
    const box = part.getBoundingClientRect();
    const canBeMoved = isNarrow && part.closest('.report .wide');
    if (part.checkVisibility() && (box.right > room + 1 || box.left < -1) && !canBeMoved)
      told.push(`${part.tagName} ${part.innerText.slice(0, 40)}`);
  }
  return told;
}"""
"""What does not fit into the window, by the words in it. On a telephone a report's tables, of many columns, are
in a place that can be moved sideways; axe-core looks that it can be by keyboard, too."""


def drawn(pages: tuple[Listed, ...] = DRAWN) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("listed", pages, ids=[page.name for page in pages])


@drawn()
def test_a_page_can_be_read_at_every_width_and_in_the_dark(chromium: Browser, site: Site, listed: Listed) -> None:
    # A report's policy lets no script run, also none that only looks whether people can read it.
    with visiting(chromium, site, listed.visitor, bypass_csp=listed.kind is Kind.REPORT) as tab:
        tab.open(site.address(listed))
        tab.page.evaluate("document.querySelectorAll('details').forEach(closed => closed.open = true)")
        faults = []
        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": HEIGHT})
            for scheme in SCHEMES:
                tab.page.emulate_media(color_scheme=scheme)
                faults += [f"{width} {scheme}: {fault}" for fault in _faults(tab, width, scheme)]
                _keep_picture(tab, f"{listed.name}-{width}-{scheme}")
    assert faults == []


def _faults(tab: Tab, width: int, scheme: str) -> list[str]:
    if scheme != SCHEMES[0]:
        return tab.barriers(runOnly=["color-contrast"])  # all else is the same in other colours
    return [*tab.page.evaluate(_CUT_OFF, width < WIDTHS[0]), *tab.barriers()]


def _keep_picture(tab: Tab, name: str) -> None:
    tab.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@drawn(tuple(page for page in PAGES if page.kind in {Kind.PAGE, Kind.REPORT, Kind.FOREIGN}))
def test_a_page_keeps_to_its_host_and_its_policy(chromium: Browser, site: Site, listed: Listed) -> None:
    with visiting(chromium, site, listed.visitor) as tab:
        answer = tab.open(site.address(listed))
        policy = dict(
            part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ") if " " in part
        )
        assert policy["default-src"] in {"'none'", "'self'"}
        assert set(policy.get("script-src", "'none'").split()) <= {"'self'", "'none'"}
        # A library's page is drawn by its script, after it is loaded.
        expect(tab.page.locator("body")).to_contain_text(listed.shows, use_inner_text=True)
        tab.page.wait_for_load_state("networkidle")
        assert tab.foreign_requests(site) == []
        assert tab.complaints == []


@drawn()
def test_a_page_says_the_same_without_script(chromium: Browser, site: Site, listed: Listed) -> None:
    with visiting(chromium, site, listed.visitor, java_script_enabled=False) as tab:
        tab.open(site.address(listed))
        shown = tab.page.locator("body").inner_text()
    assert listed.shows in shown
