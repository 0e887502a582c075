"""`make` finds a Python that works, and makes its environment of that one.

The Pythons are stubs, on a PATH that has nothing else but what the scripts call.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHONS = ROOT / "requirements" / "pythons.sh"
ENVIRONMENT = ROOT / "requirements" / "environment.sh"
TOOLS = ("sh", "dirname", "head", "mkdir", "cp")

WORKING = """#!/bin/sh
case "$*" in
    *base_prefix*) echo "{version} {folder}" ;;
    *sys.executable*) echo "{executable}" ;;
    --version) echo "Python {version}" ;;
    "-m venv --clear "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
esac
"""
BROKEN = """#!/bin/sh
echo "pyenv: command not found" >&2
exit 127
"""


class Machine:
    """A machine with the Pythons that a test puts on it."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "env"
        self._folder = folder
        self._path = [self._tools()]

    def add(self, version: str, *, works: bool = True, executable: str = "$0") -> str:
        """Put a Python that calls itself `executable` behind those on the PATH already; returns its path."""
        folder = self._folder / f"place{len(self._path)}"
        folder.mkdir()
        self._path.append(folder)
        python = folder / f"python{version}"
        python.write_text(WORKING.format(version=version, folder=folder, executable=executable) if works else BROKEN)
        python.chmod(0o755)
        return str(python)

    def run(self, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": ":".join(map(str, self._path))}
        return subprocess.run(
            [self._path[0] / "sh", script, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def make_environment(self, python: str = "") -> str:
        """Returns what is said while the environment is made: nothing when it stays."""
        made = self.run(ENVIRONMENT, str(self.venv), python)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def _tools(self) -> Path:
        tools = self._folder / "tools"
        tools.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (tools / tool).symlink_to(found)
        return tools


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_python_is_named_by_what_it_starts(machine: Machine) -> None:
    machine.add("3.12", executable="/opt/python/bin/python3.12")
    assert machine.run(PYTHONS).stdout.splitlines() == ["/opt/python/bin/python3.12"]


def test_the_only_python_is_found(machine: Machine) -> None:
    python = machine.add("3.12")
    assert machine.run(PYTHONS).stdout.splitlines() == [python]


def test_the_newest_python_comes_first(machine: Machine) -> None:
    middle, newest, oldest = machine.add("3.12"), machine.add("3.13"), machine.add("3.11")
    assert machine.run(PYTHONS).stdout.splitlines() == [newest, middle, oldest]


def test_an_unsupported_python_is_not_found(machine: Machine) -> None:
    machine.add("3.10")
    machine.add("3.14")
    assert machine.run(PYTHONS).stdout == ""


def test_a_broken_python_hides_no_working_one(machine: Machine) -> None:
    machine.add("3.13", works=False)
    machine.add("3.12", works=False)
    python = machine.add("3.12")
    assert machine.run(PYTHONS).stdout.splitlines() == [python]


def test_no_python_is_one_line_that_says_what_to_install(machine: Machine) -> None:
    machine.add("3.12", works=False)
    failed = machine.run(ENVIRONMENT, str(machine.venv))
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: there is no Python 3.11, 3.12 or 3.13")
    assert "apt install python3-venv" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_an_unusable_choice_is_one_line_that_names_it(machine: Machine) -> None:
    machine.add("3.12")
    failed = machine.run(ENVIRONMENT, str(machine.venv), "python3.9")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: PYTHON=python3.9 is no Python 3.11, 3.12 or 3.13")
    assert failed.stderr.count("\n") == 1


def test_an_environment_that_works_stays(machine: Machine) -> None:
    python = machine.add("3.12")
    assert python in machine.make_environment()
    machine.add("3.13")
    assert machine.make_environment() == ""
    assert machine.make_environment(python) == ""


def test_an_environment_of_another_python_is_made_anew(machine: Machine) -> None:
    old, new = machine.add("3.12"), machine.add("3.13")
    assert old in machine.make_environment(old)
    assert new in machine.make_environment(new)
    assert machine.make_environment() == ""


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.make_environment(machine.add("3.12"))
    (machine.venv / "bin" / "python").unlink()
    python = machine.add("3.13")
    assert python in machine.make_environment()


def test_the_project_requires_the_pythons_that_are_looked_for() -> None:
    looked_for = re.search(r"for version in (.*);", PYTHONS.read_text())
    assert looked_for is not None
    minors = sorted(int(version.removeprefix("3.")) for version in looked_for[1].split())
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert f"(3, {minors[0]}) <= sys.version_info < (3, {minors[-1] + 1})" in ENVIRONMENT.read_text()
