"""`python -m tests.first_start`: the first `make run` of a machine without data, small, in a folder of its own.

It ends with 0 when the stack gets ready, scores one application and ends with 0 after Ctrl-C. It takes the environment
that it runs in, so that each supported Python can be tried.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import httpx
import psutil

from fraud.command_line import CommandLine
from fraud.features import EXAMPLE_INSTANCE
from fraud.stack.ports import hold_port
from tests.live_stack import (
    LOGIN,
    STACK_STOP_TIMEOUT_S,
    LiveStack,
    folder_for_postgres,
    introduce_us,
    start_stack,
    wait_until_ready,
)

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Start everything as `make run` does on an empty machine, ask for one answer, and stop it, in its own folder."""
    make_run = ("make", "--no-print-directory", f"--directory={PROJECT}", "run", f"VENV={sys.prefix}")
    with folder_for_postgres() as folder:
        introduce_us(folder / "run")
        begun = time.monotonic()
        stack = start_stack(folder / "run", hold_port(), make_run)
        try:
            wait_until_ready(stack)
            ready_s = time.monotonic() - begun
            answer = httpx.post(stack.url + "/predict", json=EXAMPLE_INSTANCE, headers=LOGIN, timeout=30)
            assert answer.status_code == 200, answer.text
            assert 0 < answer.json()["probability"] < 1
            status = press_ctrl_c(stack)
            assert status == 0, f"`make run` ended with status {status}\n{stack.output()}"
        finally:
            if stack.process.poll() is None:
                os.killpg(stack.process.pid, signal.SIGTERM)
                stack.process.wait(STACK_STOP_TIMEOUT_S)
    sys.stdout.write(f"Python {sys.version.split()[0]}: ready after {ready_s:.0f} s, one answer, stopped with 0.\n")


def press_ctrl_c(stack: LiveStack) -> int:
    """Interrupt what make runs; returns make's exit status, which is that command's."""
    # Not make itself: interrupted, it ends by the signal, whatever its command ends with.
    (command,) = psutil.Process(stack.process.pid).children()
    command.send_signal(signal.SIGINT)
    return stack.process.wait(STACK_STOP_TIMEOUT_S)


if __name__ == "__main__":
    CommandLine(main)()
