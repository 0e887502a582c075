"""Answers on record that are to be reviewed, and the cases that they become, for tests of the desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from psycopg2.extensions import make_dsn

from fraud.features import FEATURES
from serve.cases.opening import CaseOpener
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import fetch, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

USUAL: Final = np.array([feature.example for feature in FEATURES], np.float32)
"""The values of an application as documentation shows it."""
DUE_AFTER: Final = dt.timedelta(days=14)


def open_cases(dsn: str, folder: Path, probabilities: Sequence[float], **changes: Any) -> list[int]:
    """Applications A-0, A-1, ... with these probabilities, all of which a policy has reviewed; numbers of their cases.

    Those below 0.5 are controls.
    """
    policy = add_policy(dsn, control_share=1.0)
    assert policy is not None
    rows = len(probabilities)
    about = {
        "endpoint": f"/batch_predict?policy={policy.id}",
        "received_at": microseconds(NOON + HOUR),
        "application_ids": [f"A-{row}" for row in range(rows)],
        "features": np.tile(USUAL, (rows, 1)),
    }
    with running_spool(folder) as spool:
        spool.append(record(rows, probabilities=np.array(probabilities, np.float32), **(about | changes)))
    ship_all(folder, dsn)
    before = {number for (number,) in fetch(dsn, "SELECT number FROM cases")}
    CaseOpener(make_dsn(dsn, options="-c role=scoring_server"), KEY, DUE_AFTER).open_cases()
    return sorted({number for (number,) in fetch(dsn, "SELECT number FROM cases")} - before)
