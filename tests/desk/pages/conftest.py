"""One site for all tests of pages, and a browser for those of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.chromium import running_chromium
from tests.desk.pages.site import Site, running_site
from tests.live_stack import LiveStack


@pytest.fixture(scope="session")
def site(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with pages."""
    with running_site(stack, tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser
