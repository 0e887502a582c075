"""Run by tests as `python -m tests.serve.batch.dying_run SITE... -- ARGUMENT...`: `serve.batch`, killed at each site.

A SITE is `MODULE:NAME:CALL:MOMENT`: before or after the call of that number. No Python of the run goes on then, as when
the kernel or an operator kills it. Libraries are loaded once, for all of them.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from fraud.command_line import CommandLine
from serve.batch.__main__ import batch


def die_at(site: str) -> None:
    module, name, call, moment = site.split(":")
    owner: Any = importlib.import_module(module)
    *path, attribute = name.split(".")
    for step in path:
        owner = getattr(owner, step)
    real: Callable[..., Any] = getattr(owner, attribute)
    calls = 0

    @functools.wraps(real)
    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(call) and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if calls == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, attribute, dying)


def tell_ends(command: Callable[..., Any]) -> None:
    """Run a command once for each SITE of the arguments before `--`, killed there; print how each ended."""
    border = sys.argv.index("--")
    sites, arguments = sys.argv[1:border], sys.argv[border + 1 :]
    for site in sites:
        sys.stdout.write(f"{site} {_status_when_killed_at(site, command, arguments)}\n")
        sys.stdout.flush()


def _status_when_killed_at(site: str, command: Callable[..., Any], arguments: list[str]) -> int:
    process = os.fork()
    if process == 0:
        sys.argv[1:] = arguments
        die_at(site)
        CommandLine(command)()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    tell_ends(batch)
