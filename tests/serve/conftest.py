"""What the tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.live_stack import LOGIN, LiveStack


@pytest.fixture(scope="module")
def client(stack: LiveStack) -> Iterator[httpx.Client]:
    """A client of the shared stack's server, with a key."""
    with httpx.Client(base_url=stack.url, headers=LOGIN, timeout=30, trust_env=False) as client:
        yield client
