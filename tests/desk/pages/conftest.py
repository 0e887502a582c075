"""One site for all tests of pages, and a browser for those of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.desk.pages.site import Site, running_site
from tests.live_stack import LiveStack
from tests.required_tools import need_program

NO_NETWORK: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@pytest.fixture(scope="session")
def site(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with pages."""
    with running_site(stack, tmp_path_factory.mktemp("pages")) as running:
        yield running


# Of a file: as long as it is there, Playwright keeps a running event loop in this thread, which other tests need.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's, which finds no other host than this one."""
    path = need_program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[NO_NETWORK, "--disable-dev-shm-usage"])
        yield browser
        browser.close()
