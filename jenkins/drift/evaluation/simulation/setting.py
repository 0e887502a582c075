"""A simulated world, as production makes it: a model, the reference that came after its training, and others."""

from __future__ import annotations

from typing import Final

import numpy as np
from xgboost import XGBClassifier

from jenkins.drift.evaluation.simulation.world import Labels, Matrix, World

REFERENCE_ROWS: Final = 42_800
"""As many as the first model's reference profile counts: a fifth of 214,000."""
TRAINING_ROWS: Final = 10_000
"""Enough for a model whose answers are like the first one's. The rest is a large stock of unseen applications.

A small stock would differ from the reference by chance, and not show what the monitor does.
"""
TREES: Final = 100
DEPTH: Final = 3


def build_world(features: Matrix, labels: Labels) -> World:
    """Split applications [N, 10] with labels [N], oldest first.

    The newest `REFERENCE_ROWS` are the reference. Of those before, the oldest `TRAINING_ROWS` train the model, and the
    others stand for applications that neither model nor reference has seen.

    Raises:
        ValueError: there are no more rows than reference and training need.
    """
    older, needed = labels.size - REFERENCE_ROWS, REFERENCE_ROWS + TRAINING_ROWS
    if labels.size <= needed:
        raise ValueError(f"{labels.size:,} applications: more than {needed:,} are needed")
    model = XGBClassifier(n_estimators=TREES, max_depth=DEPTH, learning_rate=0.1, random_state=0)
    model.fit(features[:TRAINING_ROWS], labels[:TRAINING_ROWS])
    return World.of(
        features[older:],
        labels[older:],
        lambda rows: np.asarray(model.predict_proba(rows)[:, 1], np.float32),
        fresh=(features[TRAINING_ROWS:older], labels[TRAINING_ROWS:older]),
    )
