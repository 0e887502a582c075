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

import serve.batch.__main__ as command
from fraud.command_line import CommandLine


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


def _status_of_run_killed_at(site: str, arguments: list[str]) -> int:
    process = os.fork()
    if process == 0:
        sys.argv[1:] = arguments
        die_at(site)
        CommandLine(command.batch)()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    border = sys.argv.index("--")
    for where in sys.argv[1:border]:
        sys.stdout.write(f"{where} {_status_of_run_killed_at(where, sys.argv[border + 1 :])}\n")
        sys.stdout.flush()
