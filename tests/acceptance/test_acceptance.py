"""The acceptance of the original system, with few applications and two months."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.verdict import Verdict
from tests.acceptance.__main__ import PAGE_FILE, accept
from tests.html_page import Page
from tests.live_stack import LENIENT_GATE, folder_for_postgres

STRICT_QUALITY = LENIENT_GATE | {"GATE_RULE": "superior", "GATE_LEVEL": "0.05"}
"""As strict as ever about AUC-PR, and lenient about the latency of a machine that runs tests."""


@pytest.fixture
def acceptance_folder() -> Iterator[Path]:
    with folder_for_postgres() as folder:
        yield folder


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_young_wave_is_found_on_its_day_and_answered_by_a_new_model(acceptance_folder: Path) -> None:
    verdict = accept(acceptance_folder, 2, 0.1, **STRICT_QUALITY)
    written = (acceptance_folder / PAGE_FILE).read_text()
    left = sorted(path.name for path in acceptance_folder.iterdir())
    page = Page(written)
    assert verdict is Verdict.PASS, page.words
    assert "version 2, which knows applications before" in page.words
    assert "Age_Days: distribution changed" in page.words
    assert len(page.every("table")) == 4
    assert len(page.every("img")) == 2
    assert all(str(image["src"]).startswith("data:") for image in page.every("img")), "it fetches nothing"
    for tag in ("script", "link", "iframe"):
        assert not page.every(tag)
    assert left == [PAGE_FILE, "logs"]


def test_the_request_files_are_there() -> None:
    folder = Path(__file__).parent / "requests"
    assert {path.name for path in folder.iterdir()} == {"one_request.json", "young_wave.json"}
