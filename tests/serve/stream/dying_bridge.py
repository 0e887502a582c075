"""Run by tests as `python -m tests.serve.stream.dying_bridge SITE... -- ARGUMENT...`: a bridge killed at each.

Sites are those of `tests.serve.batch.dying_run`.
"""

from __future__ import annotations

import os
import sys

import serve.stream.__main__ as command
from fraud.command_line import CommandLine
from tests.serve.batch.dying_run import die_at


def _status_of_bridge_killed_at(site: str, arguments: list[str]) -> int:
    process = os.fork()
    if process == 0:
        sys.argv[1:] = arguments
        die_at(site)
        CommandLine(command.stream)()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    border = sys.argv.index("--")
    for where in sys.argv[1:border]:
        sys.stdout.write(f"{where} {_status_of_bridge_killed_at(where, sys.argv[border + 1 :])}\n")
        sys.stdout.flush()
