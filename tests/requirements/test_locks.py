"""Lock files say exactly what is installed, from wherever it comes, and agree with each other."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"
LOCKS = sorted(FOLDER.rglob("*.lock"))
OURS = sorted(FOLDER.glob("*.lock"))
REQUIREMENT = re.compile(r"^[a-z0-9][a-z0-9.-]*(\[[a-z,]+\])?==\S+( ; .*?)?( \\)?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
REASON = re.compile(r"^    # ")


def pins(lock: Path) -> set[str]:
    """Its requirements: name, version and the Pythons they are for, without the reason why."""
    return {_for_pythons(line) for line in lock.read_text().splitlines() if line[0].isalnum()}


def _for_pythons(line: str) -> str:
    requirement, _, marker = line.removesuffix(" \\").partition(" ; ")
    pythons = re.findall(r"python_full_version [<>=]+ '[\d.]+'", marker)
    return " ; ".join([requirement, *pythons])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(FOLDER)))
def test_a_lock_has_hashes_and_names_no_index(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    assert lines
    for line in lines:
        assert REQUIREMENT.match(line) or HASH.match(line) or REASON.match(line), line
        assert "://" not in line
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if REQUIREMENT.match(line):
            assert HASH.match(following), f"no hash: {line}"


@pytest.mark.parametrize("lock", OURS, ids=lambda lock: lock.name)
def test_a_lock_has_the_pins_of_the_whole(lock: Path) -> None:
    assert pins(lock) <= pins(FOLDER / "all.lock")


def test_the_whole_lock_satisfies_all_that_pyproject_asks_for() -> None:
    """Nobody has added a dependency and forgotten `make lock`."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    pinned: dict[str, set[str]] = {}
    for pin in pins(FOLDER / "all.lock"):
        name, version = pin.partition(" ; ")[0].split("==")
        pinned.setdefault(canonicalize_name(name.partition("[")[0]), set()).add(version)
    for requirement in map(Requirement, asked):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert any(requirement.specifier.contains(version) for version in versions), f"run `make lock`: {requirement}"


def test_the_first_start_installs_no_tools_of_tests() -> None:
    names = {re.split("[=[]", pin)[0] for pin in pins(FOLDER / "run.lock")}
    assert not names & {"pytest", "hypothesis", "schemathesis", "atheris", "mypy", "ruff", "locust", "onnxmltools"}
