"""`python -m tests.desk.pictures`: the pictures of README and docs, taken of a stack that has worked for a while."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import httpx
import numpy as np
import typer
from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright
from psycopg2 import sql

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.report.stored import ReportKind, newest_reports
from fraud.stack.ports import hold_port
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import add_account
from serve.people.passwords import hash_password, one_time_password
from serve.people.sessions import begin_session
from tests.instances import instances_of
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
ROWS: Final = 6_000
BATCH: Final = 500
_YOUNG_FIRST: Final = """
    SELECT {} FROM public.divorce_predictions ORDER BY "Age_Days" < 9855 DESC, application_id LIMIT %s
"""
"""More applicants of the young wave than the model has known, so that a drift check has something to show."""
PERSON: Final = "anna"
SIZE: Final[ViewportSize] = {"width": 1280, "height": 900}
MOST_BYTES: Final = 100_000
TIMEOUT_MS: Final = 120_000
"""Pages give way to all else: on a busy machine they take their time."""
COLOURS: Final = (128, 64, 32, 16)


def pictures(
    folder: Annotated[Path, typer.Option(help="Where cockpit.png and report.png go.")] = FOLDER,
) -> None:
    """Start a stack in a temporary folder, have it score, check for drift and verify, and photograph two pages."""
    with folder_for_postgres() as place:
        introduce_us(place / "run")
        stack = start_stack(place / "run", hold_port())
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
    columns = sql.SQL(", ").join(map(sql.Identifier, FEATURE_NAMES))
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL(_YOUNG_FIRST).format(columns), (ROWS,))
        instances = instances_of(np.array(cursor.fetchall(), dtype=np.float32))
    for start in range(0, len(instances), BATCH):
        body = {"instances": instances[start : start + BATCH]}
        httpx.post(stack.url + "/batch_predict", json=body, headers=LOGIN, timeout=60).raise_for_status()
    _run(stack, "jenkins.drift", "check", "--now")
    _run(stack, "serve.audit", "verify")


def _run(stack: LiveStack, module: str, *arguments: str) -> None:
    """Whatever verdict it comes to."""
    typer.echo(f"python -m {' '.join((module, *arguments))}")
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, env=stack.environment, cwd=stack.run_dir, check=False, stdout=sys.stderr)


def _taken(stack: LiveStack) -> dict[str, bytes]:
    account = Account(PERSON, frozenset({PersonRole.OPERATE}), hash_password(one_time_password()))
    with connect(stack.owner_dsn) as connection:
        add_account(connection, account)
        secret = begin_session(connection, PERSON)
        (drift,) = (report.number for report in newest_reports(connection) if report.kind == ReportKind.DRIFT)
    with sync_playwright() as playwright:
        path = need_program("chromium", package="chromium")
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.context.add_cookies([{"name": "session", "value": secret, "url": stack.url}])
        taken = {}
        for name, address in (("cockpit.png", "/"), ("report.png", f"/reports/{drift}")):
            page.goto(stack.url + address, timeout=TIMEOUT_MS)
            taken[name] = _light(page.screenshot(full_page=address == "/"))  # a report is long
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
