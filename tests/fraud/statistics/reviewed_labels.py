"""Two years of applications of which only those have a label who were reviewed, or drawn as a control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE, REVIEWED, CONTROL = 0.08, 0.05, 0.01
SEPARATION = 1.3
"""Of a binormal model: see `bench.gate.quality.simulation`."""


@dataclass(frozen=True)
class Labelled:
    """Who was looked at, of all who applied."""

    labels: np.ndarray
    scores: np.ndarray
    looked_at: np.ndarray


def two_years(rng: np.random.Generator, applications: int) -> Labelled:
    labels = (rng.random(applications) < RATE).astype(np.int8)
    scores = (SEPARATION * labels + rng.normal(size=applications)).astype(np.float32)
    threshold = np.quantile(scores, 1 - REVIEWED)
    looked_at = np.where(scores >= threshold, 1.0, CONTROL)
    seen = rng.random(applications) < looked_at
    return Labelled(labels[seen], scores[seen], looked_at[seen])
