"""What a soak test leaves: its figures and a picture of them."""

from __future__ import annotations

import json
from pathlib import Path

from bench.experiments.soak.judge import figures, judge
from bench.experiments.soak.plot import draw
from bench.experiments.soak.report import lines, report, table, write_json
from tests.bench.experiments.soak.test_judge import well


def test_figures_and_picture_are_written(tmp_path: Path) -> None:
    seen = well()
    found = figures(seen)
    verdict, reasons = judge(found, seen.records)
    reported = report(seen, found, verdict, reasons)
    write_json(tmp_path / "soak.json", reported)
    draw(seen, tmp_path / "soak.png")
    written = json.loads((tmp_path / "soak.json").read_text())
    assert (written["verdict"], written["reasons"]) == (verdict.value, reasons)
    assert written["parts"][0]["answered"] > 0
    assert (tmp_path / "soak.png").stat().st_size > 10_000
    assert table(reported).row_count > 0
    assert lines(reported)
