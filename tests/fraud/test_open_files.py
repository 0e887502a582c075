"""A server holds to the open files that the system allows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.open_files import RESERVED_FILES

PROJECT = Path(__file__).parents[2]
POSSIBLE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
from fraud.errors import SettingsError
from fraud.open_files import possible_connections
try:
    print(possible_connections(10_000))
except SettingsError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        pytest.param(RESERVED_FILES + 400, "400", id="fewer than wanted"),
        pytest.param(RESERVED_FILES + 10_000, "10000", id="as many as wanted"),
        pytest.param(RESERVED_FILES, "129 open files are needed and 128 allowed: raise the limit", id="none"),
    ],
)
def test_connections_are_as_many_as_open_files_leave_room_for(allowed: int, said: str) -> None:
    output = subprocess.check_output([sys.executable, "-c", POSSIBLE, str(allowed)], cwd=PROJECT, text=True)
    assert output.startswith(said)
