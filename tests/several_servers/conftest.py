"""Five servers that share one model, started once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_stack import LiveStack
from tests.several_servers.fleet import Fleet, running_fleet

SERVERS = 5


@pytest.fixture(scope="package")
def fleet(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Each test leaves all of them running, with the version in production."""
    with running_fleet(stack, tmp_path_factory.mktemp("fleet"), SERVERS) as fleet:
        yield fleet
