"""A variable of the environment that a file overrides is refused, or told of; which wins does not stay a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.run_lock import hold
from fraud.settings import ADDRESSES_FILE

URL = "postgresql://postgres:hidden@127.0.0.1:5433/loans"


READ_SETTINGS = """
import sys
from fraud.command import EXIT_ERROR, print_error
from fraud.errors import SettingsError
from fraud.settings import load_settings
try:
    load_settings()
except SettingsError as error:
    print_error(error)
    sys.exit(EXIT_ERROR)
"""


def ended(folder: Path, file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that reads its settings, and ends."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"DATABASE_URL='{URL}'\n")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PYTHON", "LANG", "PATH"))}
    return subprocess.run(
        [sys.executable, "-c", READ_SETTINGS],
        cwd=folder,
        env={**kept, "RUN_DIR": str(folder / ".run"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


OTHERS = "error: {names} of the environment and DATABASE_URL of {file} name different databases: "
UNUSED = "note: {names} of the environment: not used, since DATABASE_URL of {file} wins"
OVERRIDDEN = [
    ({"POSTGRES_HOST": "secret-host"}, 2, OTHERS, "POSTGRES_HOST"),
    ({"POSTGRES_DB": "secret-db", "POSTGRES_USER": "secret"}, 2, OTHERS, "POSTGRES_DB"),
    ({"postgres_host": "secret-host"}, 2, OTHERS, "POSTGRES_HOST"),
    ({"POSTGRES_PASSWORD": "secret-word"}, 0, UNUSED, "POSTGRES_PASSWORD"),
    ({"POSTGRES_USER": "secret", "POSTGRES_PORT": "1"}, 0, UNUSED, "POSTGRES_PORT and POSTGRES_USER"),
]


@pytest.mark.parametrize(("given", "status", "said", "names"), OVERRIDDEN)
def test_variable_that_a_file_overrides_is_named_with_the_file(
    tmp_path: Path, given: dict[str, str], status: int, said: str, names: str
) -> None:
    file = tmp_path / ".run" / ".env"
    told = ended(tmp_path, file, **given)
    assert told.returncode == status
    assert told.stderr.startswith(said.format(file=file, names=names))
    assert told.stderr.count("\n") == 1
    assert "secret" not in told.stderr
    assert "hidden" not in told.stderr


SAME = [
    {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "5433", "POSTGRES_DB": "loans", "POSTGRES_PASSWORD": "hidden"},
    {"POSTGRES_HOST": ""},
    {"POSTGRES_HOST": "elsewhere", "DATABASE_URL": "postgresql://other@elsewhere/other"},
    {},
]


@pytest.mark.parametrize("given", SAME)
def test_variable_that_says_the_same_or_wins_is_not_mentioned(tmp_path: Path, given: dict[str, str]) -> None:
    told = ended(tmp_path, tmp_path / ".run" / ".env", **given)
    assert (told.returncode, told.stderr) == (0, "")


def test_file_of_a_running_stack_is_the_one_that_is_named(tmp_path: Path) -> None:
    addresses = tmp_path / ".run" / ADDRESSES_FILE
    addresses.parent.mkdir()
    assert ended(tmp_path, addresses, POSTGRES_HOST="elsewhere").returncode == 0, "its stack has ended"
    assert hold(addresses.parent)
    told = ended(tmp_path, addresses, POSTGRES_HOST="elsewhere")
    assert told.returncode == 2
    assert f"DATABASE_URL of {addresses}" in told.stderr
