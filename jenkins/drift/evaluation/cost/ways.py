"""Three ways to the counts of a week; each runs in a process of its own, whose time and memory are measured."""

from __future__ import annotations

import datetime as dt
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np

from fraud.database import connect
from jenkins.drift.check import Check, WindowPlan
from jenkins.drift.evaluation.cost.log import SHA256, UNTIL, VERSION, WEEK, reference
from jenkins.drift.logged_applications import LoggedApplications
from jenkins.drift.policy import DriftPolicy

KIB: Final = 1024

# As the original system read its log: all rows of all time, features as documents.
_ALL_ROWS: Final = "SELECT divorce_probability, features FROM prediction_logs WHERE NOT load_test"
_COUNT_LOG: Final = """
    INSERT INTO drift_hours
    SELECT decode(%(sha256)s, 'hex'), 1, counted.*
    FROM count_predictions(decode(%(sha256)s, 'hex'), 1, 'own', %(since)s, %(until)s) AS counted
"""

Way = Callable[[str], int]
"""Does it, with a connection string; returns how many applications it saw."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    seconds: float
    peak_bytes: int
    """Of the process that asks, Python and its libraries included; PostgreSQL's own memory is not in it."""
    applications: int


def measure(way: Way, dsn: str) -> Cost:
    """Run it in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measured, way, dsn).result()


def check_by_roll_up(dsn: str) -> int:
    """A whole check: both windows, all tests."""
    profile = reference()
    plan = WindowPlan(UNTIL.date(), VERSION.data_cutoff, WEEK.days, own_only=False, label_maturity=dt.timedelta())
    check = Check(profile, policy=DriftPolicy(), plan=plan)
    with connect(dsn) as connection:
        logged = LoggedApplications(connection, VERSION, [len(variable.kinds) for variable in profile.variables])
        windows = [check.window(name, span, logged, ()) for name, span in plan.spans().items()]
    return max(window.rows for window in windows)


def pass_over_the_log(dsn: str) -> int:
    """PostgreSQL counts every logged value by width_bucket, which also makes the roll-up."""
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_COUNT_LOG, {"sha256": SHA256, "since": UNTIL - WEEK, "until": UNTIL})
        cursor.execute("SELECT sum(applications) FROM drift_hours")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def rows_into_pandas(dsn: str) -> int:
    """All rows into a data frame, and a histogram a feature."""
    import pandas as pd  # noqa: PLC0415 - its memory is this way's own

    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_ALL_ROWS)
        rows = cursor.fetchall()
    frame = pd.DataFrame([features for _, features in rows])
    frame["probability"] = [probability for probability, _ in rows]
    for name in frame.columns:
        np.histogram(frame[name], bins=10)
    return len(frame)


def _measured(way: Way, dsn: str) -> Cost:
    reference()  # which no check has to make
    started_s = time.perf_counter()
    applications = way(dsn)
    seconds = time.perf_counter() - started_s
    return Cost(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB, applications)
