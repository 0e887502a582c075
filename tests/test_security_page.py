"""SECURITY.md promises nothing without a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text()
THREATS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Threats and defences")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]


def test_there_are_threats() -> None:
    assert len(THREATS) >= 15


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat[0][:40])
def test_each_threat_has_something_against_it_and_a_test(threat: list[str]) -> None:
    _, defence, tests = threat
    assert defence
    paths = re.findall(r"`([^`]+)`", tests)
    assert paths
    for path in paths:
        assert re.search(r"^(async )?def test_", (ROOT / path).read_text(), re.MULTILINE), path


def test_every_path_on_the_page_exists() -> None:
    for path in re.findall(r"`((?:tests|serve|fraud|initdb)/[^` ]+)`", PAGE):
        assert (ROOT / path).exists(), path
