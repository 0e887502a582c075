"""`python -m tests.desk.pictures`: the README's pictures, taken of a stack that has worked for a while."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer
from PIL import Image
from playwright.sync_api import sync_playwright

from bench.applications import Applications
from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.report.stored import ReportKind, newest_reports
from fraud.stack.ports import hold_port
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password, one_time_password
from serve.people.sessions import begin_session
from tests.live_stack import (
    LOGIN,
    LiveStack,
    folder_for_postgres,
    introduce_us,
    start_stack,
    stop_stack,
    wait_until_ready,
)
from tests.required_tools import need_program

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
SCALE: Final = "0.3"
"""Of the reference data: enough for a gate to see a difference."""
TODAY: Final = "2026-04-01"
"""Of the first model's successor, which the gate judges."""
BATCHES: Final = 200
ROWS: Final = 100
PERSON: Final = "anna"
SIZE: Final = {"width": 1280, "height": 900}
MOST_BYTES: Final = 100_000
COLOURS: Final = (128, 64, 32, 16)


def pictures(
    folder: Annotated[Path, typer.Option(help="Where cockpit.png and report.png go.")] = FOLDER,
) -> None:
    """Start a stack in a temporary folder, let it score, train, judge and verify, and photograph two of its pages."""
    with folder_for_postgres() as place:
        introduce_us(place / "run")
        stack = start_stack(place / "run", hold_port(), REFERENCE_SCALE=SCALE)
        try:
            wait_until_ready(stack)
            _work(stack)
            folder.mkdir(parents=True, exist_ok=True)
            for name, picture in _taken(stack).items():
                (folder / name).write_bytes(picture)
                typer.echo(f"{folder / name}: {len(picture) / 1e3:.0f} kB")
        finally:
            if stack.process.poll() is None:
                stop_stack(stack)


def _work(stack: LiveStack) -> None:
    applications, headers = Applications(1), {"Content-Type": "application/json", **LOGIN}
    for _ in range(BATCHES):
        httpx.post(stack.url + "/batch_predict", content=applications.batch(ROWS), headers=headers).raise_for_status()
    _run(stack, "train", TODAY=TODAY)
    _run(stack, "bench", "gate")
    _run(stack, "jenkins.drift", "check")
    _run(stack, "serve.audit", "verify")


def _run(stack: LiveStack, module: str, *arguments: str, **settings: str) -> None:
    """Whatever verdict it comes to."""
    typer.echo(f"python -m {' '.join((module, *arguments))}")
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, env={**stack.environment, **settings}, cwd=stack.run_dir, check=False, stdout=sys.stderr)


def _taken(stack: LiveStack) -> dict[str, bytes]:
    account = Account(PERSON, frozenset({PersonRole.OPERATE}), hash_password(one_time_password()))
    with connect(stack.owner_dsn) as connection:
        add_account(connection, account)
        secret = begin_session(connection, PERSON)
        (gate,) = (report.number for report in newest_reports(connection) if report.kind == ReportKind.GATE)
    with sync_playwright() as playwright:
        path = need_program("chromium", package="chromium")
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.context.add_cookies([{"name": "session", "value": secret, "url": stack.url}])
        taken = {}
        for name, address in (("cockpit.png", "/"), ("report.png", f"/reports/{gate}")):
            page.goto(stack.url + address)
            taken[name] = _light(page.screenshot())
        browser.close()
    return taken


def _light(png: bytes) -> bytes:
    """The picture with as many colours as its size allows."""
    for colours in COLOURS:
        written = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").quantize(colours).save(written, "PNG", optimize=True)
        if written.tell() <= MOST_BYTES:
            break
    return written.getvalue()


if __name__ == "__main__":
    CommandLine(pictures)()
