"""What a person's environment says of other things does not come between our own parts."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from fraud.environment import settle_environment, without_libpq_variables

PROJECT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1,localhost,::1"


def test_libpq_variables_are_left_out() -> None:
    kept = {"PATH": "/bin", "POSTGRES_PASSWORD": "own", "PG_COLOR": "auto", "PGP_KEY": "mine"}
    assert without_libpq_variables({**kept, "PGHOST": "a", "PGSERVICE": "b", "PGOPTIONS": "c"}) == kept


def test_libpq_variables_are_taken_out_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "none")
    settle_environment()
    assert "PGSERVICE" not in os.environ


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        pytest.param("", LOOPBACK, id="nothing"),
        pytest.param(" example.org ,10.0.0.0/8", f"example.org,10.0.0.0/8,{LOOPBACK}", id="other hosts"),
        pytest.param(LOOPBACK, LOOPBACK, id="settled already"),
    ],
)
def test_loopback_addresses_need_no_proxy(monkeypatch: pytest.MonkeyPatch, given: str, settled: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, given)
    settle_environment()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == settled
    assert urllib.request.proxy_bypass("127.0.0.1:8000")
    assert not urllib.request.proxy_bypass("198.51.100.1")


def test_terminal_that_lacks_a_character_shows_a_question_mark() -> None:
    program = "from fraud.environment import settle_environment; settle_environment(); print('K\\u00f6ln')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.check_output([sys.executable, "-c", program], cwd=PROJECT, env=environment)
    assert shown == b"K?ln\n"


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8"])
def test_settings_are_printed_on_every_terminal(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    shown = subprocess.check_output([sys.executable, "-m", "fraud"], cwd=PROJECT, env=environment)
    assert b"SERVE_PORT" in shown
