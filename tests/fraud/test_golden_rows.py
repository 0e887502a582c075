"""Golden rows: kept to the bit, and told apart from any other answer."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.features import FEATURE_COUNT
from fraud.golden_rows import RELATIVE_TOLERANCE, GoldenRows, GoldenRowsError

ROWS = np.array([np.arange(FEATURE_COUNT), np.full(FEATURE_COUNT, np.nan)], np.float32)
GOLDEN = GoldenRows(ROWS, np.array([0.25, 3e-39], np.float32))


def test_the_text_restores_every_bit() -> None:
    again = GoldenRows.from_text(GOLDEN.to_text())
    assert again.rows.tobytes() == GOLDEN.rows.tobytes()
    assert again.probabilities.tobytes() == GOLDEN.probabilities.tobytes()


@pytest.mark.parametrize("text", ["", "not base64!", GOLDEN.to_text()[:-8]])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(GoldenRowsError, match="golden rows"):
        GoldenRows.from_text(text)


def test_the_same_answers_pass() -> None:
    GOLDEN.check(GOLDEN.probabilities * np.float32(1 + RELATIVE_TOLERANCE / 4))


@pytest.mark.parametrize("wrong", [0.2500005, 0.5, np.nan])
def test_an_answer_that_differs_is_named(wrong: float) -> None:
    with pytest.raises(GoldenRowsError, match=r"1 of 2 golden rows .* first row 0: .* instead of 0.25"):
        GOLDEN.check(np.array([wrong, GOLDEN.probabilities[1]], np.float32))
