"""Other models on the folds of the search: each is fitted, the best setting is shown, the page says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.experiments.models import contenders
from bench.experiments.models.command import compare_models
from bench.experiments.models.page import Result, best_of_each
from tests.train.conftest import synthetic_dataset


def test_page_has_a_line_for_each_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "TREES", 10)
    monkeypatch.setattr(contenders, "LEAVES", (8,))
    monkeypatch.setattr(contenders, "PENALTIES", (1.0,))
    compare_models(synthetic_dataset(4_000, 40, 1), tmp_path / "MODELS.md", threads=1)
    page = (tmp_path / "MODELS.md").read_text()
    for name in ("logistic regression", "histogram boosting", "LightGBM", "XGBoost"):
        assert page.count(f"| {name}") == 1
    assert "4 time-ordered folds" in page
    assert (tmp_path / "MODELS.png").read_bytes().startswith(b"\x89PNG")


def test_best_setting_of_each_model_counts() -> None:
    results = [
        Result("one", "a", (0.2, 0.2), (0.4, 0.4), 1.0),
        Result("one", "b", (0.3, 0.2), (0.4, 0.4), 1.0),
        Result("other", "a", (0.3, 0.3), (0.4, 0.4), 1.0),
    ]
    assert [(result.name, result.setting) for result in best_of_each(results)] == [("other", "a"), ("one", "b")]
