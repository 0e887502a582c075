"""Every `python -m ...` of this project explains itself and does nothing else; a wrong argument is one line."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_walk import UNKNOWN_FLAG

ROOT = Path(__file__).parents[1]
PARTS = ("fraud", "initdb", "train", "convert", "serve", "bench", "jenkins", "desk", "requirements", "tests")
OTHERS_INTERPRETER = "Run by "
"""Begins the docstring of a script that the interpreter of another environment runs, by its path."""


def runnable(path: Path) -> bool:
    """Whether a person can run the file as a module of ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guards = [ast.unparse(node.test) for node in tree.body if isinstance(node, ast.If)]
    docstring = ast.get_docstring(tree) or ""
    if "__name__ == '__main__'" not in guards or docstring.startswith(OTHERS_INTERPRETER):
        return False
    # Parts of single tests, which these start by their path, are nobody else's.
    return path.relative_to(ROOT).parts[0] != "tests" or docstring.startswith(("`python -m", "`make"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")


SENTENCE = re.compile(r"[A-Z]\S+( \S+){3,}[.:;]")
MODULES = sorted(module_of(path) for part in PARTS for path in (ROOT / part).rglob("*.py") if runnable(path))


def bare_environment() -> dict[str, str]:
    """No setting, no home, no terminal; only where our modules are."""
    guard = os.environ.get("PYTHONPATH", "")
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), guard))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "200",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def calls(folder: Path) -> list[dict[str, Any]]:
    """What came of calling every module."""
    walked = subprocess.run(
        [sys.executable, "-m", "tests.command_walk", *(module for module in MODULES if module != "tests.command_walk")],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    return [json.loads(line) for line in walked.stdout.splitlines()]


def told(calls: list[dict[str, Any]]) -> str:
    return "\n\n".join(
        f"{call['words']}: {call['status']} {call['touched']}\n{call['out']}{call['err']}" for call in calls
    )


def test_every_module_is_found_and_called(calls: list[dict[str, Any]]) -> None:
    assert {"serve.prediction_log", "fraud.stack", "bench.gate.quality.power", "requirements.audit"} <= set(MODULES)
    assert {call["words"][0] for call in calls} | {"tests.command_walk"} == set(MODULES)
    assert ["bench", "plan", "adopt", "--help"] in [call["words"] for call in calls]


def test_help_ends_well_with_a_sentence(calls: list[dict[str, Any]]) -> None:
    helps = [call for call in calls if call["words"][-1] == "--help"]
    wordless = [call for call in helps if call["status"] != 0 or not SENTENCE.search(call["out"])]
    assert not wordless, told(wordless)


def test_help_shows_no_type_of_a_flag_and_no_completion(calls: list[dict[str, Any]]) -> None:
    wrong = [call for call in calls if re.search(r"<bool>|-completion", call["out"])]
    assert not wrong, told(wrong)


def test_unknown_flag_is_one_line_and_the_status_of_an_error(calls: list[dict[str, Any]]) -> None:
    flagged = [call for call in calls if call["words"][-1] == UNKNOWN_FLAG]
    wrong = [
        call
        for call in flagged
        if call["status"] != 2 or call["out"] or not re.fullmatch(rf"error: .*{UNKNOWN_FLAG}.*\n", call["err"])
    ]
    assert not wrong, told(wrong)


def test_neither_touches_the_system(calls: list[dict[str, Any]], folder: Path) -> None:
    touching = [call for call in calls if call["touched"]]
    assert not touching, told(touching)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("module", ["fraud.stack", "serve.prediction_log", "bench"])
def test_help_of_a_process_of_its_own_is_the_same(module: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=tmp_path,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"Usage: python -m {module}" in ended.stdout
    assert not list(tmp_path.iterdir())
