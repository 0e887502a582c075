"""`python -m bench.experiments.trend.counted WORKLOAD...`: does what callgrind counts; not to be run by hand.

Counting is switched on for two loops a workload, one three times as long as the other. Each ends with a dump of the
counts, so the difference of the two holds the steps alone, without what starting and ending a count takes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]  # what numpy.show_runtime() prints
    __cpu_features__ as cpu_features,
)

from bench.experiments.trend.workloads import WORKLOADS
from fraud.command_line import CommandLine

COMPILE_ONLY: Final = "--compile-only"
"""A compiler takes minutes under valgrind, so code is compiled before."""
WARM_UP_STEPS: Final = 20
LONGER: Final = 3
"""Times as many steps in the second loop."""


async def count(names: Sequence[str], *, compile_only: bool) -> None:
    """Do workloads; what they do of a server asks for the event loop that runs."""
    for name in names:
        workload = WORKLOADS[name]
        step = workload.make()
        for _ in range(1 if compile_only else WARM_UP_STEPS):
            step()
        if compile_only:
            continue
        gc.collect()
        gc.freeze()
        gc.disable()  # when it collects depends on what came before
        _control("--instr=on")
        _control("--zero")
        for steps in (workload.steps, LONGER * workload.steps):
            for _ in range(steps):
                step()
            _control("--dump")
        _control("--instr=off")
        gc.enable()


def _control(what: str) -> None:
    subprocess.run(["callgrind_control", what, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)  # noqa: S607 - valgrind's own, by PATH as valgrind is


def main(
    workloads: Annotated[list[str], typer.Argument(help="Names of workloads.")],
    *,
    compile_only: Annotated[
        bool, typer.Option("--compile-only", help="Run each once, uncounted, so that compiled code is cached.")
    ] = False,
) -> None:
    """Run the workloads that callgrind counts, and print the processor's features; `python -m bench trend` calls it."""
    asyncio.run(count(workloads, compile_only=compile_only))
    sys.stdout.write(" ".join(sorted(name for name, is_here in cpu_features.items() if is_here)))
    sys.stdout.flush()
    os._exit(0)  # a server's threads and files, which nobody stops


if __name__ == "__main__":
    CommandLine(main)()
