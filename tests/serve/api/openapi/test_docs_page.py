"""`/docs` works where there is no internet: all of it is served from here, and asks for nothing elsewhere."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest

from serve.access.authorization import is_open
from serve.api.openapi.docs_page import DOCS_PATH, DOCS_POLICY, FILE_PATHS, FOLDER, docs_page
from tests.live_stack import LiveStack
from tests.required_tools import need_program

ROOT = Path(__file__).parents[4]
RELEASED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
"""SHA-256 of the files in npm's swagger-ui-dist 5.35.0."""
PATIENCE_MS = 20_000


@pytest.mark.parametrize("name", RELEASED)
def test_library_is_what_was_released(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == RELEASED[name]


def test_licences_are_with_the_library() -> None:
    assert "Apache License" in (FOLDER / "LICENSE").read_text()
    assert "SmartBear" in (FOLDER / "NOTICE").read_text()
    assert "MIT License" in (FOLDER / "swagger-ui-bundle.js.LICENSE.txt").read_text()


def test_installed_package_has_the_files() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    names = [entry.name for entry in FOLDER.iterdir() if not entry.name.startswith("__")]
    assert {"page.html", *RELEASED} < set(names)
    assert [name for name in names if not any(fnmatch(name, pattern) for pattern in packaged)] == []


def test_page_loads_from_its_own_server_only() -> None:
    page = docs_page("A <title> & more")
    assert "<title>A &lt;title&gt; &amp; more</title>" in page
    assert set(re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page)) == {"data:,", *FILE_PATHS}
    assert not re.search(r"<script>|style=|\son\w+=|//", page.replace("<!DOCTYPE html>", ""))
    assert "http" not in (FOLDER / "start.js").read_text()
    assert not re.search(r"https?:|\*|unsafe", DOCS_POLICY)


@pytest.mark.parametrize("path", [DOCS_PATH, *FILE_PATHS])
def test_page_takes_no_login(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize("path", FILE_PATHS)
def test_file_is_served_with_its_type(stack: LiveStack, path: str) -> None:
    answer = httpx.get(stack.url + path)
    assert answer.status_code == 200
    assert answer.content == (FOLDER / FILE_PATHS[path]).read_bytes()
    assert answer.headers["Content-Type"].startswith("text/css" if path.endswith(".css") else "text/javascript")
    assert answer.headers["Cache-Control"] == "public, max-age=86400"


def test_browser_without_internet_shows_every_call_and_takes_a_key(stack: LiveStack, tmp_path: Path) -> None:
    browser = need_program("chromium", package="chromium")
    shown = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
            *("--enable-logging=stderr", f"--virtual-time-budget={PATIENCE_MS}", "--dump-dom", stack.url + DOCS_PATH),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    paths = httpx.get(stack.url + "/openapi.json").json()["paths"]
    assert set(paths) <= set(re.findall(r'data-path="([^"]+)"', shown.stdout))
    assert re.search(r'<button class="btn authorize[^"]*"[^>]*><span>Authorize', shown.stdout)
    assert "CONSOLE" not in shown.stderr, "the policy, or a missing file, stopped something"
