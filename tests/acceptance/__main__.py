"""`python -m tests.acceptance`: the acceptance of the original system, on a stack of its own, from an empty folder.

It ends with 0 (accepted), 10 (not), 20 (a gate could not decide, as on a busy machine) or 2 (error), and leaves a page.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.command_line import CommandLine
from fraud.stack.ports import hold_port
from fraud.verdict import Verdict
from tests.acceptance.flow import FIRST_DAY, Acceptance
from tests.acceptance.page import html_page
from tests.live_stack import STACK_STOP_TIMEOUT_S, LiveStack, introduce_us, start_stack, wait_until_ready

PAGE_FILE: Final = "acceptance.html"
START_TIMEOUT_S: Final = 1800.0
"""With all reference applications, on a machine that does other things too."""
PAUSE_S: Final = "30"
"""Somebody waits: shorter than in operation, where a busy machine is given more time."""

app = CommandLine()


@app.command()
def main(
    *,
    folder: Annotated[Path, typer.Option(help="Where page and logs go; the stack is removed if all is accepted.")],
    months: Annotated[int, typer.Option(min=1, max=12)] = 12,
    scale: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the reference applications.")] = 1.0,
) -> None:
    """Start a stack as of 2025-01-01, run the three steps, and write down what happened."""
    verdict = accept(folder.absolute(), months, scale)
    typer.echo(f"{verdict.upper()}: {folder / PAGE_FILE}")
    sys.exit(verdict.exit_status)


def accept(folder: Path, months: int, scale: float, **settings: str) -> Verdict:
    """Run it in a folder; settings are those of the stack and of all commands."""
    begun_s = time.monotonic()
    run_dir = folder / "stack"
    shutil.rmtree(run_dir, ignore_errors=True)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    run_dir.mkdir()
    introduce_us(run_dir)
    # Only the first model is of that day: whatever comes later is of today.
    given = {"RETRAIN_PAUSE_S": os.environ.get("RETRAIN_PAUSE_S", PAUSE_S), **settings}
    stack = start_stack(run_dir, hold_port(), TODAY=FIRST_DAY, REFERENCE_SCALE=str(scale), **given)
    try:
        wait_until_ready(stack, START_TIMEOUT_S)
        environment = {name: value for name, value in stack.environment.items() if name != "TODAY"}
        acceptance = Acceptance(stack, environment, folder / "logs")
        acceptance.run(months)
        page = html_page(acceptance, scale, time.monotonic() - begun_s)
        (folder / PAGE_FILE).write_text(page, encoding="utf-8")
    finally:
        _stop(stack)
    if acceptance.verdict is Verdict.PASS:
        shutil.rmtree(run_dir)
    return acceptance.verdict


def _stop(stack: LiveStack) -> None:
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
        try:
            stack.process.wait(STACK_STOP_TIMEOUT_S)
        finally:
            if stack.process.poll() is None:
                os.killpg(stack.process.pid, signal.SIGTERM)


if __name__ == "__main__":
    app()
