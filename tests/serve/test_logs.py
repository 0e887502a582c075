"""Log lines: all of one form, whoever writes them, and nothing in them of what applicants or callers entrust to us."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from fraud.api_keys import ApiKey, Role, bearer
from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.logs import ALIKE_A_MINUTE, SparingFilter
from tests.live_stack import LiveStack, project_environment, server_beside
from tests.serve.wire import Wire, post

FIELDS = ["time", "level", "process", "pid", "logger", "event"]

NUMBER = "4815162342.75"
WORD = "zqxmarker"
PASSWORD = "zqxmarker-password"
WRONG_PASSWORD = "zqxmarker-wrong"
KEY = "mls_zqxmarker-key"
REF_KEY = "zqxmarker-ref-key-of-some-length-0123456789"
SENT = (NUMBER, NUMBER.removesuffix(".75"), "4.815162", WORD)
"""None of these may be in any log; float32 would show the number as 4815162368 or 4.81516e+09."""


def run(code: str, **settings: str) -> list[dict[str, Any]]:
    """The lines that a process logs."""
    done = subprocess.run(
        [sys.executable, "-c", "from serve.logs import *; configure_logging('test')\n" + code],
        env=project_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            "logging.getLogger('serve.x').error('no %s', 'bread')", ("error", "serve.x", "no bread"), id="our own"
        ),
        pytest.param(
            "import uvicorn; logging.getLogger('uvicorn.error').info('started')",
            ("info", "uvicorn.error", "started"),
            id="uvicorn",
        ),
        pytest.param(
            "import urllib3; logging.getLogger('urllib3.pool').error('lost')",
            ("error", "urllib3.pool", "lost"),
            id="urllib3",
        ),
        pytest.param(
            "import mlflow; logging.getLogger('mlflow.x').warning('old')",
            ("warning", "mlflow.x", "old"),
            id="a library with handlers of its own",
        ),
        pytest.param(
            "import warnings; warnings.warn('soon')", ("warning", "py.warnings", None), id="a warning of Python"
        ),
        pytest.param("1 / 0", ("critical", "serve.logs", None), id="an exception that ends the process"),
        pytest.param(
            "threading.Thread(target=lambda: 1 / 0).start()",
            ("critical", "serve.logs", None),
            id="an exception that ends a thread",
        ),
    ],
)
def test_all_lines_have_one_form(code: str, expected: tuple[str, str, str | None]) -> None:
    (line,) = run(code)
    level, logger, event = expected
    assert list(line)[: len(FIELDS)] == FIELDS
    assert (line["process"], line["level"], line["logger"]) == ("test", level, logger)
    assert event in {None, line["event"]}


def test_a_line_says_whose_request_it_is_about_and_nothing_else_that_it_is_given() -> None:
    (line,) = run("logging.error('x', extra={'request_id': 'r-1', 'caller': 'batch', 'features': [1.0]})")
    assert (line["request_id"], line["caller"]) == ("r-1", "batch")
    assert "features" not in line


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_of_an_exception_it_tells_kinds_and_places_but_not_the_words(log_format: str) -> None:
    code = f"""
configure_logging('test', LogFormat('{log_format}'))
try:
    try:
        float('{WORD}')
    except ValueError as cause:
        raise ServeError('{WORD} is no number') from cause
except ServeError as error:
    logging.error('failed', exc_info=error)
"""
    done = subprocess.run(
        [sys.executable, "-c", "from serve.logs import *\n" + code], capture_output=True, text=True, check=True
    )
    assert WORD not in done.stderr
    assert "ServeError" in done.stderr
    assert "builtins.ValueError" in done.stderr
    assert done.stderr.count("in <module>]") == 2


def test_a_lost_exception_is_logged_without_values() -> None:
    code = f"""
import asyncio
async def fails():
    raise ValueError('{WORD}')
def called(value):
    raise ValueError(value)
async def main():
    task = asyncio.create_task(fails())
    asyncio.get_running_loop().call_soon(called, '{WORD}')
    await asyncio.sleep(0.01)
asyncio.run(main())
"""
    lines = run(code)
    assert {line["event"] for line in lines} == {"Task exception was never retrieved", "Exception in callback called"}
    assert WORD not in str(lines)


def test_a_line_break_in_a_message_makes_no_second_line() -> None:
    (line,) = run("logging.error('a\\nb')")
    assert line["event"] == "a\nb"


def test_a_flood_of_lines_is_cut_off_and_counted() -> None:
    now = 0.0
    sparing = SparingFilter(ALIKE_A_MINUTE, lambda: now)

    def passes(message: str) -> str | None:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "refused: %s", (message,), None)
        return record.getMessage() if sparing.filter(record) else None

    assert [passes("no login") for _ in range(ALIKE_A_MINUTE + 5)].count(None) == 5
    now = 61.0
    assert passes("no login") == "refused: no login (and 5 alike before it)"
    assert passes("no login") == "refused: no login"


def hostile_bodies() -> list[tuple[str, str, bytes]]:
    """Path, content type and body of requests that are full of markers, in every format, good ones and bad ones."""
    good: dict[str, Any] = {
        **EXAMPLE_INSTANCE,
        "Client_Income": float(NUMBER),
        "application_id": WORD,
        "applicant_ref": WORD,
    }
    rows: list[dict[str, Any]] = [
        good,
        {**good, "Client_Income": f"{WORD}{NUMBER}"},
        {**good, "Client_Income": -float(NUMBER)},
        {**good, WORD: float(NUMBER)},
        {**good, "application_id": WORD * 20},
        {**good, "Age_Days": None},
    ]
    requests = []
    for row in rows:
        names, values = list(row), list(row.values())
        bodies: dict[tuple[str, str], Any] = {
            ("/predict", "application/json"): row,
            ("/batch_predict", "application/json"): {"instances": [row]},
            ("/batch_predict", "application/x-ndjson"): row,
            ("/batch_predict?", "application/json"): {"columns": names, "data": [values]},
            ("/invocations", "application/json"): {"dataframe_split": {"columns": names, "data": [values]}},
            ("/v2/models/divorce-model/infer", "application/json"): {
                "inputs": [
                    {"name": name, "shape": [1], "datatype": "FP64", "data": [row.get(name)]} for name in FEATURE_NAMES
                ]
            },
        }
        requests += [(path, kind, json.dumps(body).encode()) for (path, kind), body in bodies.items()]
        table = ",".join(names) + "\n" + ",".join(map(str, values))
        requests.append(("/invocations", "text/csv", table.encode()))
    cut = [(path, kind, body[:-3]) for path, kind, body in requests]
    return [*requests, *cut, (f"/predict/{WORD}", WORD, WORD.encode()), ("/predict", f"text/{WORD}", b"{}")]


def test_nothing_of_a_request_is_in_any_log(stack: LiveStack, tmp_path: Path) -> None:
    keys = str(ApiKey.of(KEY, "bank", {Role.SCORE}))
    own = {
        "API_KEYS": keys,
        "LOG_FORMAT": "json",
        "ADMIN_PASSWORD": PASSWORD,
        "APPLICANT_REF_KEY": REF_KEY,
        "SERVE_WORKERS": "1",
    }
    with server_beside(stack, tmp_path, **own) as url:
        statuses = set()
        with httpx.Client(base_url=url) as client:
            headers: tuple[dict[str, str], ...] = ({}, {"Idempotency-Key": f"{WORD}-{NUMBER}"})
            for number, ((path, kind, body), more) in enumerate(product(hostile_bodies(), headers)):
                named = {"Content-Type": kind, "X-Request-ID": f"log-test-{number}", **bearer(KEY), **more}
                statuses.add(client.post(path, content=body, headers=named).status_code)
            named = {"X-Request-ID": "log-test-login"}
            for login in ((WORD, WRONG_PASSWORD), ("admin", WRONG_PASSWORD)):
                client.post("/update-model", auth=login, headers=named)
                client.post(f"/mlflow/api/{WORD}?x={NUMBER}", auth=login, headers=named)
            client.post("/predict", content=b"{}", headers={**named, **bearer(WRONG_PASSWORD)})
            client.post("/update-model", headers={**named, **bearer(KEY)})
            client.post("/update-model", auth=("admin", PASSWORD), headers=named)
            client.get("/health/live", headers={"X-Request-ID": f"{WORD} {NUMBER}"})
        wire = Wire(url)
        wire.send(post("/predict", WORD.encode(), f"{WORD}\x00: {NUMBER}"))
        wire.answer()
        wire.close()
    assert {200, 400, 404, 415, 422} <= statuses
    lines = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines()]
    assert all(list(line)[: len(FIELDS)] == FIELDS for line in lines)
    assert {line["process"] for line in lines} >= {"worker"}
    refused = [line for line in lines if line.get("request_id") == "log-test-login" and line["level"] == "warning"]
    assert len(refused) == 6
    assert [line["caller"] for line in refused if "caller" in line] == ["bank"]
    of_scoring = [line for line in lines if line.get("request_id", "log-test-login") != "log-test-login"]
    assert of_scoring == []
    logs = [tmp_path / "server.log", *(stack.run_dir / "logs").iterdir()]
    for log in logs:
        text = log.read_text(errors="replace")
        assert [secret for secret in SENT if secret in text] == [], log
