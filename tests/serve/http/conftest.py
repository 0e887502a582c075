"""What the tests of connections share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.live_stack import LiveStack, server_beside
from tests.serve.wire import Wire


@pytest.fixture(scope="module")
def alone(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one process, whose metrics are those of the connections under test."""
    with server_beside(stack, tmp_path_factory.mktemp("alone"), SERVE_WORKERS="1") as url:
        yield url


@pytest.fixture
def wire(stack: LiveStack) -> Iterator[Wire]:
    """A connection to the shared stack's server."""
    with closing(Wire(stack.url)) as wire:
        yield wire
