"""A search that takes a second: one recipe, few trees."""

from __future__ import annotations

import pytest


def shorten_search(monkeypatch: pytest.MonkeyPatch, trials: int = 1) -> None:
    monkeypatch.setattr("train.training.TRIALS", trials)
    monkeypatch.setattr("train.search.LEARNING_RATES", (0.3,))
    monkeypatch.setattr("train.search.MAX_DEPTHS", (2, 3))
    monkeypatch.setattr("train.search.SHRINKAGE_SUM", 6.0)
