"""docs/reference/commands.md and exit-statuses.md: every `python -m ...` with its options."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from unittest.mock import patch

import typer

from fraud.command_line import CommandLine, expected
from fraud.verdict import Verdict
from tests.command_walk import commands_of, run_module
from tests.docs.reference.markdown import table
from tests.test_commands import MODULES

TITLE: Final = "Commands"
INTRODUCTION: Final = """\
`--help` of a command explains it and does nothing else. A wrong argument is one line, with exit status 2.
[Exit statuses](exit-statuses.md) has those of each command. `make help` lists the shorter ways to the most used ones.

"""
STATUSES_TITLE: Final = "Exit statuses"
STATUSES_INTRODUCTION: Final = """\
A check ends in one of five ways, and all commands use the same statuses for them:

"""
MEANINGS: Final = {
    Verdict.PASS: "the check ran and passed; only this may change anything",
    Verdict.FAIL: "the check ran and failed",
    Verdict.INCONCLUSIVE: "the check ran, and saw too little, or too much noise, to tell",
    Verdict.DATA_QUALITY_FAULT: "the data cannot be what they claim to be",
    Verdict.ERROR: "the check could not run, or an argument was wrong",
}
_OWN: Final = re.compile(r"(?:Exit status|The exit status is|It ends with|Ends with):? (.*)", re.DOTALL)


class _FoundError(BaseException):
    """Carries what a module would have run."""


@dataclass(frozen=True)
class Called:
    """One command: the words after `python -m`, and what typer knows of it."""

    words: str
    command: Any

    @property
    def help(self) -> str:
        """Paragraphs, each in one line."""
        text = inspect.cleandoc(self.command.help or "")
        return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


@cache
def commands() -> tuple[Called, ...]:
    """All commands that a person runs; those of tests left out."""
    return tuple(called for module in MODULES if not module.startswith("tests") for called in _commands_of(module))


def _commands_of(module: str) -> Iterator[Called]:
    app = _app_of(module)
    if app is None:
        return
    top = typer.main.get_command(app)
    for path in [(), *commands_of(top)]:
        command: Any = top
        for name in path:
            command = command.get_command(None, name)
        if not hasattr(command, "list_commands") or command.invoke_without_command:
            yield Called(" ".join((module, *path)), command)


def _app_of(module: str) -> CommandLine | None:
    """What a module runs as a command; it is stopped before it does."""

    def stop(app: CommandLine, *_: Any, **__: Any) -> None:
        found.append(app)
        raise _FoundError

    found: list[CommandLine] = []
    arguments = sys.argv
    with patch.object(CommandLine, "__call__", stop), suppress(_FoundError, SystemExit):
        run_module(module, "--help")
    sys.argv = arguments
    return found[0] if found else None


def commands_page() -> str:
    """A chapter for each command."""
    return INTRODUCTION + "\n".join(_chapter(called) for called in commands())


def _chapter(called: Called) -> str:
    rows = [row for param in called.command.params if (row := _row(param)) is not None]
    options = table(("argument or option", "takes", "default", "meaning"), rows) if rows else ""
    return f"## `python -m {called.words}`\n\n{called.help}\n" + (f"\n{options}" if options else "")


def _row(param: Any) -> tuple[str, str, str, str] | None:
    if param.name == "help" or getattr(param, "hidden", False):
        return None
    is_argument = param.param_type_name == "argument"
    name = param.name.upper() if is_argument else ", ".join((*param.opts, *param.secondary_opts))
    takes = "" if getattr(param, "is_flag", False) else expected(param).replace("another value", "a text")
    default = "" if param.default in (None, False, ...) or callable(param.default) else str(param.default)
    return f"`{name}`", takes, "required" if param.required else default, param.help or ""


def statuses_page() -> str:
    """The statuses of checks, then those of each command that names its own."""
    common = [(str(verdict.exit_status), verdict.replace("_", " "), text) for verdict, text in MEANINGS.items()]
    common.append(("1", "-", "a crash, which is a fault of the program"))
    own = [
        (f"`python -m {called.words}`", found[1].strip())
        for called in commands()
        if (found := _OWN.search(called.help))
    ]
    return "\n".join(
        [
            STATUSES_INTRODUCTION + table(("status", "verdict", "meaning"), common),
            "Commands with statuses of their own:\n",
            table(("command", "statuses"), own),
        ]
    )
