"""What README and docs show works when it is pasted, and the answer is the one that the page shows."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.docs.answers import differences
from tests.docs.pages import PAGES, ROOT, Block, blocks_of
from tests.live_stack import LiveStack

SETTING_UP = next(block.text for block in blocks_of(ROOT / "README.md") if block.is_call)
FOLLOWED = [
    (block, following)
    for page in PAGES
    for block, following in zip_longest(blocks_of(page), blocks_of(page)[1:])
    if block.is_call and block.text != SETTING_UP
]
"""Every call, and the block below it."""


def name_of(value: object) -> str:
    """Of a test: the page and the address that is called."""
    if not isinstance(value, Block) or not value.is_call:
        return ""
    address = re.search(r"http://127\.0\.0\.1:8000(/[^' ]*)", value.text)
    return f"{value.page.relative_to(ROOT)}: {address[1] if address else value.text[:40]}"


@pytest.mark.parametrize(("call", "answer"), FOLLOWED, ids=name_of)
def test_a_call_is_answered_as_its_page_shows(
    stack: LiveStack, tmp_path: Path, call: Block, answer: Block | None
) -> None:
    (tmp_path / ".run").symlink_to(stack.run_dir)
    pasted = (SETTING_UP + call.text).replace("http://127.0.0.1:8000", stack.url)
    pasted = pasted.replace("curl -s", "curl -sS -w '\\n%{http_code}'")
    done = subprocess.run(pasted, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    shown = answer if answer is not None and answer.language == "json" else None
    assert status == (shown.notes.get("status", "200") if shown else "200"), body
    given = json.loads(body)
    if shown is not None:
        varying = frozenset(shown.notes.get("varies", "").split(","))
        assert list(differences(json.loads(shown.text), given, varying)) == []


def test_pages_have_calls_with_answers() -> None:
    assert SETTING_UP.startswith("KEY=$(grep")
    answered = [call for call, answer in FOLLOWED if answer is not None and answer.language == "json"]
    called = set(re.findall(r"http://127\.0\.0\.1:8000(/[a-z_-]+)", " ".join(call.text for call in answered)))
    assert {"/predict", "/batch_predict", "/model-info", "/update-model"} <= called


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_that_calls_says_how_to_get_the_key(page: Path) -> None:
    calls = [block.text for block in blocks_of(page) if block.is_call]
    assert not calls or calls[0] == SETTING_UP
