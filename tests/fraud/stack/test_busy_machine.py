"""A first start beside much other work takes longer, and ends ready."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.stack.ports import hold_port
from tests.live_stack import LiveStack, start_stack, stop_stack, wait_until

BUSY_LOOPS_A_CORE = 2
PATIENCE_S = 1200.0


@pytest.mark.long
def test_first_start_beside_busy_loops_ends_ready(postgres_folder: Path) -> None:
    count = BUSY_LOOPS_A_CORE * len(os.sched_getaffinity(0))
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        code = {"COMPILED_DIR": str(postgres_folder / "code")}
        stack = start_stack(postgres_folder / "run", hold_port(), REFERENCE_SCALE="1.0", **code)
        try:
            wait_until(lambda: has_ended_or_is_ready(stack), PATIENCE_S, "the stack says that it is ready")
            assert stack.process.poll() is None, stack.output()
            assert stop_stack(stack) == 0
        finally:
            stack.process.kill()
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def has_ended_or_is_ready(stack: LiveStack) -> bool:
    return stack.process.poll() is not None or "Stop with Ctrl-C" in stack.output()
