"""Debian's Chromium, which finds no other host than this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from tests.required_tools import need_program

NO_NETWORK: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """For a file of tests: as long as it is there, Playwright keeps a running event loop in this thread, which others
    need.
    """
    path = need_program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[NO_NETWORK, "--disable-dev-shm-usage"])
        yield browser
        browser.close()
