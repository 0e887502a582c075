"""The pages of the reference are what the code says: `python -m tests.docs.write_reference` writes them again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from serve.access.authorization import is_open, role_for
from tests.docs.pages import ROOT
from tests.docs.write_reference import FOLDER, SCHEMA, WRITTEN_BY, schema_text


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By a process of its own, since it imports every command."""
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "tests.docs.write_reference", "--without-database", "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", WRITTEN_BY)
def test_page_is_what_the_code_says(written: Path, name: str) -> None:
    assert (FOLDER / name).read_text() == (written / name).read_text()


def test_page_of_the_schema_is_what_a_fresh_database_has(database: str) -> None:
    assert (FOLDER / SCHEMA).read_text() == schema_text(database)


def test_login_of_a_call_is_the_one_that_the_server_asks_for() -> None:
    page = (FOLDER / "http-api.md").read_text()
    for call, login in re.findall(r"^\| `[A-Z]+ (\S+)` \|.*\| (\S+) \|$", page, re.MULTILINE):
        path = call.format(name="divorce-model", version=1)
        role = role_for(path)
        assert login == ("none" if is_open(path) else "any" if role is None else f"`{role}`"), call


def test_reference_has_no_page_by_hand() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*WRITTEN_BY, SCHEMA}
