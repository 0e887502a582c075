"""A month's model as it was made before twins: fitted on the oldest four fifths, stopped early, never fitted again.

It is what the replay compares with; nothing serves it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from xgboost import XGBClassifier

from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from train.dataset import Dataset

FITTED_SHARE: Final = 0.8
STOPPED_SHARE: Final = 0.9
"""The tenth before it stops the growing; the newest tenth was the test part, which nothing was fitted on."""


def ap_as_before(known: Dataset, month: Dataset, seed: int, threads: int) -> float | None:
    """Average precision in a month of a model that was made of what was known when it began, as it was made then.

    Of the grid of that time it is the recipe that was chosen most often. None where the month has one label only.
    """
    if month.y.size == 0 or month.positive_rate in (0, 1):
        return None
    fitted, stopped = (int(share * known.y.size) for share in (FITTED_SHARE, STOPPED_SHARE))
    model = XGBClassifier(
        n_estimators=600,
        max_depth=4,
        learning_rate=0.05,
        tree_method="hist",
        eval_metric="aucpr",
        early_stopping_rounds=30,
        random_state=seed,
        n_jobs=threads,
    )
    validation = known.part(slice(fitted, stopped))
    model.fit(known.x[:fitted], known.y[:fitted], eval_set=[(validation.x, validation.y)], verbose=False)
    return average_precision(rank(month.y, np.asarray(model.predict_proba(month.x)[:, 1], np.float32)), month.weights)
