"""A command that a page shows takes the options that are shown with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks_of

COMMAND = re.compile(r"python -m ((?:serve|bench|jenkins|train|convert|initdb|fraud|desk)[\w.]*)((?: [^\s#]+)*)")
OPTION = re.compile(r"--[a-z][a-z-]+")
CHAPTERS = {
    words: frozenset(OPTION.findall(text))
    for words, text in re.findall(
        r"^## `python -m ([^`]+)`\n(.*?)(?=^## |\Z)",
        (ROOT / "docs/reference/commands.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
}
"""By the words of each command, the options that the reference has for it."""


def shown_in(page: Path) -> list[tuple[str, list[str]]]:
    """Each command in a block of code, and its words; what stands behind a `#` is a remark."""
    lines = (line.partition(" #")[0] for block in blocks_of(page) for line in block.text.splitlines())
    return [(found[1], found[2].split()) for line in lines for found in COMMAND.finditer(line)]


def command_of(module: str, words: list[str]) -> str:
    """The longest name of a command that the words begin with."""
    names = (" ".join((module, *words[:count])) for count in range(len(words), -1, -1))
    return next((name for name in names if name in CHAPTERS), module)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_that_a_page_shows_exist(page: Path) -> None:
    for module, words in shown_in(page):
        name = command_of(module, words)
        known = CHAPTERS.get(name, frozenset())
        shown = {option for word in words for option in OPTION.findall(word) if word.startswith("--")}
        assert shown <= known | {"--help"}, f"{name}: {shown - known}"


def test_pages_show_commands_with_options() -> None:
    shown = [(command_of(*call), call) for page in PAGES for call in shown_in(page)]
    assert len(shown) > 40
    assert {"serve.audit verify", "bench plan sign", "jenkins.drift check"} <= {name for name, _ in shown}
