"""A tab of a browser in which a visitor looks at pages, with what it asked for and complained of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright._impl._api_structures import SetCookieParam  # its public modules do not export it
from playwright.sync_api import Browser, Page, Response, expect

from tests.desk.pages.page_table import Visitor
from tests.desk.pages.site import COOKIE, Site

GRAVE: Final = frozenset({"serious", "critical"})
_AXE: Final = Axe()
_TIMEOUT_MS: Final = 60_000
"""Pages give way to all else: on a busy machine they take their time."""
expect.set_options(timeout=_TIMEOUT_MS)


@dataclass
class Tab:
    """What somebody sees."""

    page: Page
    asked: list[str] = field(default_factory=list)
    """Addresses of all requests."""
    complaints: list[str] = field(default_factory=list)
    """Of the browser's console: errors, and what the content policy stopped."""

    def open(self, address: str) -> Response:
        """Go there."""
        answer = self.page.goto(address, wait_until="load")
        assert answer is not None
        return answer

    def foreign_requests(self, site: Site) -> list[str]:
        """Those that went to another host, or another port of this one."""
        ours = urlsplit(site.url).netloc
        return [address for address in self.asked if urlsplit(address).netloc not in {ours, ""}]

    def barriers(self, **options: Any) -> list[str]:
        """What axe-core calls serious or critical for people who see, hear or move otherwise."""
        found = _AXE.run(self.page, options={"resultTypes": ["violations"], **options}).response["violations"]
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found
            if one["impact"] in GRAVE
            for node in one["nodes"]
        ]


@contextmanager
def visiting(chromium: Browser, site: Site, visitor: Visitor, **about: Any) -> Iterator[Tab]:
    """A fresh browser of somebody who is logged in as the visitor."""
    context = chromium.new_context(**about)
    try:
        cookies = site.cookies(visitor).items()
        context.add_cookies([{"name": name, "value": value, "url": site.url} for name, value in cookies])
        context.set_default_timeout(_TIMEOUT_MS)
        tab = Tab(context.new_page())
        context.on("request", lambda request: tab.asked.append(request.url))
        context.on("console", lambda said: tab.complaints.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: tab.complaints.append(str(error.error)))
        yield tab
    finally:
        context.close()


def planted_cookie(site: Site, secret: str) -> SetCookieParam:
    """As Playwright takes it."""
    return {"name": COOKIE, "value": secret, "url": site.url}
