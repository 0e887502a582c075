"""Commands that messages name: each one exists, and takes the options that the message writes.

A command in a message stands in backquotes, with all that has to be typed, so that it can be found here.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
PACKAGES = ("fraud", "initdb", "convert", "train", "serve", "bench", "jenkins", "desk")
PLACEHOLDER = "\0"
"""Stands for a value that a message fills in."""
FILLED_IN = {"python -m jenkins.retrain --stage \0": "python -m jenkins.retrain --stage data-check"}
QUOTED = re.compile(r"`([^`]+)`")
VAGUE = re.compile(r"\brun (the gate|the check|the retraining|the monitor)\b", re.IGNORECASE)


def messages(path: Path) -> Iterator[str]:
    """Texts of a module that are no docstrings; one that is put together counts as a whole."""
    tree = ast.parse(path.read_text())
    yield from _texts(tree, {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)})


def _texts(node: ast.AST, commented: set[int]) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in commented:
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, commented)


ALL = [
    (path.relative_to(ROOT), text)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    for text in messages(path)
]
QUOTED_TEXTS = sorted({(quoted, path) for path, text in ALL for quoted in QUOTED.findall(text)})
COMMANDS = sorted(
    {
        command.strip()
        for quoted, _ in QUOTED_TEXTS
        for command in FILLED_IN.get(quoted, quoted).split("&&")
        # Of a command that is reported, not advised, not even the module is written down.
        if command.startswith(("python -m ", "make ")) and f"-m {PLACEHOLDER}" not in command
    }
    | {"python -m bench gate"}
)


def test_commands_were_found() -> None:
    assert {"python -m jenkins.drift claim --again", "python -m bench gate", "make run"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_target_of_make_exists(command: str) -> None:
    targets = re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.removeprefix("make ") in {name for names in targets for name in names.split()}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("python ")])
def test_a_command_takes_the_options_that_it_is_advised_with(command: str) -> None:
    module, *arguments = shlex.split(command.replace(PLACEHOLDER, ""))[2:]
    name = f"{module}.__main__" if find_spec(module).submodule_search_locations else module  # type: ignore[union-attr]
    if not arguments:
        assert find_spec(name) is not None
        return
    app = importlib.import_module(name).app
    assert isinstance(app, typer.Typer)
    # Help is shown only once all options before it are known.
    result = CliRunner().invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("quoted", "path"), QUOTED_TEXTS)
def test_a_command_is_written_so_that_it_can_be_typed(quoted: str, path: Path) -> None:
    package = re.split(r"[ .]", quoted, maxsplit=1)[0]
    assert not (package in PACKAGES and " " in quoted), f"{path}: `{quoted}` lacks `python -m`"
    assert not re.match(r"[a-z-]+ --|--", quoted), f"{path}: `{quoted}` does not say of which command"


def test_no_message_asks_for_a_command_without_naming_it() -> None:
    assert not [(path, text) for path, text in ALL if VAGUE.search(text)]
