"""A server for strangers: without keys, since failed logins are answered ever more slowly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_stack import LiveStack, server_beside


@pytest.fixture(scope="package")
def open_server(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with server_beside(stack, tmp_path_factory.mktemp("open"), AUTHENTICATION="off", SERVE_WORKERS="1") as url:
        yield url
