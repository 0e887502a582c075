"""A shipped model beside its twin: what differs a little agrees, what orders applicants again is a surprise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from train.agreement import agreement, flipped_share

RNG = np.random.default_rng(3)
MARGINS = RNG.normal(-2.0, 0.7, 20_000)


def sigmoid(margins: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-margins)), np.float32)


TWIN = sigmoid(MARGINS)


def test_model_beside_itself_agrees() -> None:
    found = agreement(TWIN, TWIN, 0.05)
    assert found.rank_correlation == pytest.approx(1.0)
    assert (found.psi, found.changed_decisions) == (0.0, 0.0)
    assert list(found.surprises()) == []


@pytest.mark.parametrize(
    ("shipped", "words"),
    [
        pytest.param(sigmoid(MARGINS + RNG.normal(0, 0.3, MARGINS.size)), None, id="a refit"),
        pytest.param(sigmoid(MARGINS + 0.2), None, id="more divorces of late"),
        pytest.param(RNG.permutation(TWIN), "rank correlation", id="another order"),
        pytest.param(sigmoid(-4 - MARGINS), "rank correlation", id="labels the other way round"),
        pytest.param(sigmoid(MARGINS + 2.0), "PSI", id="probabilities of other applicants"),
        pytest.param(np.full_like(TWIN, 0.1), "rank correlation", id="the same for everybody"),
        pytest.param(np.where(np.quantile(TWIN, 0.93) < TWIN, 0.0, TWIN), "the decision of", id="others to review"),
    ],
)
def test_surprises_are_named(shipped: NDArray[np.float32], words: str | None) -> None:
    surprises = list(agreement(TWIN, shipped.astype(np.float32), 0.05).surprises())
    assert any(words in surprise for surprise in surprises) if words else surprises == []


def test_flipped_share_by_hand() -> None:
    champion = np.array([0.9, 0.8, 0.2, 0.1], np.float32)
    candidate = np.array([0.9, 0.1, 0.8, 0.2], np.float32)
    assert flipped_share(champion, candidate, 0.5) == 0.5
    assert flipped_share(champion, champion, 0.5) == 0
    assert flipped_share(champion, np.full(4, 0.5, np.float32), 0.5) == 0.5, "all tied: all reviewed"
