"""Which tests share a worker of pytest-xdist: those of a file, and those that need the same costly thing.

`--dist loadgroup` would do it by marks, but of pytest 9.2 and later it groups nothing and says nothing
(pytest-xdist issue 1386): every worker made every module's fixtures again. So the tests have a scheduler of their own.
"""

from __future__ import annotations

from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED: Final = {
    # Kernels take half a minute of a core to compile: the first of these compiles them, and keeps them for all others.
    "tests/convert/test_exactness.py": "compiled code",
    "tests/serve/decoding/test_row_scanner.py": "compiled code",
    "tests/serve/engine/": "compiled code",
    "tests/serve/fuzz/test_decoders.py": "compiled code",
    "tests/initdb/": "a generated table",
    "tests/jenkins/drift/evaluation/": "simulated applicants",
    "tests/jenkins/drift/evaluation/simulation/test_error_rates.py": "simulated applicants",
    "tests/jenkins/drift/evaluation/simulation/test_evidently.py": "simulated applicants",
    "tests/several_servers/": "five servers",
    "tests/desk/pages/": "a server with pages",
    "tests/serve/access/": "a server of several clients",
    "tests/serve/fuzz/": "a server for strangers",
}
"""By the beginning of a path, what its tests share; the first that fits counts."""


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives a whole group of tests to a worker, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test; pytest-xdist's own schedulers are made by replacing this method."""
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    path = nodeid.split("::", 1)[0]
    return next((shared for beginning, shared in SHARED.items() if path.startswith(beginning)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    # By the number of tests in a group, single slow tests would come last, and one worker wait for the other.
    config.option.loadscopereorder = False
    return Groups(config, log)
