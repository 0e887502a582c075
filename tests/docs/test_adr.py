"""Each decision has a page of the same form, with its number, and the index lists all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

FOLDER = ROOT / "docs/adr"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
STATUSES = r"accepted|superseded by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\)"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_decision_has_date_status_context_and_alternatives(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.name[:4]}. ")
    assert re.search(rf"^- \*\*Date\*\*: \d{{4}}-\d\d-\d\d\n- \*\*Status\*\*: ({STATUSES})$", text, re.MULTILINE)
    assert re.search(r"^## Context\n\n\S[^#]*^## Decision\n\n\S[^#]*^## Alternatives\n\n- ", text, re.MULTILINE)


def test_decisions_are_numbered_without_gaps() -> None:
    assert [page.name[:4] for page in PAGES] == [f"{number:04d}" for number in range(1, len(PAGES) + 1)]


def test_index_lists_every_decision_with_its_date() -> None:
    index = (FOLDER / "index.md").read_text()
    for page in PAGES:
        date = re.search(r"\*\*Date\*\*: (\S+)", page.read_text())
        assert date is not None
        assert re.search(rf"\| \[{page.name[:4]}\]\({re.escape(page.name)}\) \| .* \| {date[1]} \|", index), page.name
