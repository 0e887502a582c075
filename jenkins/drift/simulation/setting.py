"""A simulated world, as production makes it: a model, the reference that came after its training, and others."""

from __future__ import annotations

from typing import Final

import numpy as np
from xgboost import XGBClassifier

from jenkins.drift.simulation.world import Labels, Matrix, World

REFERENCE_ROWS: Final = 42_800
"""As many as the first model's reference profile counts: a fifth of 214,000."""
TREES: Final = 100
DEPTH: Final = 3


def build_world(features: Matrix, labels: Labels) -> World:
    """Split applications [N, 10] with labels [N], oldest first.

    The newest `REFERENCE_ROWS` are the reference. Of those before, the older half trains the model, and the other half
    stands for applications that neither model nor reference has seen.

    Raises:
        ValueError: there are no more rows than the reference needs.
    """
    older = labels.size - REFERENCE_ROWS
    if older < 2:
        raise ValueError(f"{labels.size:,} applications: more than {REFERENCE_ROWS:,} are needed")
    model = XGBClassifier(n_estimators=TREES, max_depth=DEPTH, learning_rate=0.1, random_state=0)
    model.fit(features[: older // 2], labels[: older // 2])
    return World.of(
        features[older:],
        labels[older:],
        lambda rows: np.asarray(model.predict_proba(rows)[:, 1], np.float32),
        fresh=(features[older // 2 : older], labels[older // 2 : older]),
    )
