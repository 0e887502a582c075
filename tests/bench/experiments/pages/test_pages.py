"""`python -m bench pages`: a short run with real parts; its figures mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.experiments.conftest import Experiment


@pytest.mark.long
def test_it_finds_the_pages_and_measures_scoring_beside_them(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "pages.json"
    done = experiment("pages", "--pairs", "2", "--window", "2", "--page-rate", "10", "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert [one["quantile"] for one in found["latencies"]] == [0.5, 0.99]
    assert all(one["ratio"]["low"] <= one["ratio"]["estimate"] <= one["ratio"]["high"] for one in found["latencies"])
    pages = {page["path"]: page for page in found["pages"]}
    assert {"/", "/reports", "/reports/1", "/password"} <= set(pages)
    assert all(0 < page["page_kb"] < 100 for page in pages.values())
    assert all(page["loads"] > 0 and page["median_ms"] > 0 for page in pages.values())
