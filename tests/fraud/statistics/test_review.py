"""Hits among the rows of highest score: under resampling weights, what repeating the rows gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.statistics.ranking import count, rank
from fraud.statistics.review import hits, reviewed_rows

rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.integers(0, 3)), min_size=2, max_size=30
).filter(lambda rows: len({label for label, _, weight in rows if weight}) == 2)


@given(rows, st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_weights_count_as_repeated_rows(rows: list[tuple[int, float, int]], reviewed: int) -> None:
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = hits(count(rank(labels, scores), weights[np.newaxis]), reviewed)[0]

    drawn_labels, drawn_scores = np.repeat(labels, weights), np.repeat(scores, weights)
    reviewed = min(reviewed, drawn_labels.size)
    border = np.sort(drawn_scores)[-reviewed]
    above, tied = drawn_scores > border, drawn_scores == border
    expected = drawn_labels[above].sum() + (reviewed - above.sum()) * drawn_labels[tied].mean()
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "capacity", "expected"),
    [
        pytest.param(20_000, 0.05, 1_000, id="a share"),
        pytest.param(10, 0.01, 1, id="at least one"),
        pytest.param(10, 1.0, 10, id="all"),
    ],
)
def test_reviewed_rows(rows: int, capacity: float, expected: int) -> None:
    assert reviewed_rows(rows, capacity) == expected
