"""`python -m tests.command_walk MODULE ...`: call each module's commands with arguments that must do nothing.

What came of each call is printed as JSON: status, output, and what of the system it touched: files it opened for
writing, processes it started, addresses it asked for or listened on. All run in this one process, since importing takes
the time.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import typer

from fraud.command_line import CommandLine

UNKNOWN_FLAG = "--no-such-flag"
TOUCHING = frozenset(
    {
        *("subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "os.mkdir"),
        *("socket.connect", "socket.bind", "socket.getaddrinfo"),
    }
)
_touched: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & 3)
        if writes and path != "/dev/null":
            _touched.append(f"open {path}")
    elif event == "socket.bind" and isinstance(arguments[1], tuple) and arguments[1][1] == 0:
        pass  # a library looks whether there is IPv6
    elif event in TOUCHING:
        _touched.append(f"{event} {arguments[0]}")


def called(words: list[str], call: Callable[[], object]) -> dict[str, Any]:
    """What came of one call."""
    _touched.clear()
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            call()
        except SystemExit as error:
            status = error.code or 0
        except BaseException:  # noqa: BLE001 - a crash is what this is to find
            traceback.print_exc()
            status = 1
    return {"words": words, "status": status, "out": out.getvalue(), "err": err.getvalue(), "touched": [*_touched]}


def run_module(module: str, *arguments: str) -> None:
    """As `python -m MODULE ...`."""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The commands below one, and those below them."""
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield (*path, name)
        yield from commands_of(command.get_command(None, name), (*path, name))


def runnable_name(module: str) -> str:
    """Name of what `python -m MODULE` runs."""
    spec = importlib.util.find_spec(module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    return f"{module}.__main__" if is_package else module


def walk(module: str) -> Iterator[dict[str, Any]]:
    """Ask a module, and each of its commands, for help; and tell it of a flag that there is not."""
    for argument in ("--help", UNKNOWN_FLAG):
        yield called([module, argument], partial(run_module, module, argument))
    app = getattr(importlib.import_module(runnable_name(module)), "app", None)
    if isinstance(app, CommandLine):
        command = typer.main.get_command(app)
        for path in commands_of(command):
            for argument in ("--help", UNKNOWN_FLAG):
                words = [*path, argument]
                yield called([module, *words], partial(command.main, words, prog_name=module))


if __name__ == "__main__":
    sys.addaudithook(_watch)
    for name in sys.argv[1:]:
        for result in walk(name):
            print(json.dumps(result), flush=True)  # noqa: T201
