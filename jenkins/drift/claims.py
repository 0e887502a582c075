"""Claims of retrainings: one for each version that applicants drifted from, and none before the last has cooled down.

A retraining need not end the drift: its candidate may be rejected, or the applicants may have changed in what no model
can learn yet. Without claims such a drift would have a model trained every day; with them it is an alert.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.registry import ModelVersion
from fraud.verdict import Verdict
from jenkins.drift.checks_table import StoredCheck, last_check
from jenkins.drift.errors import DriftError

CHECK_LASTS: Final = dt.timedelta(days=1)
"""A claim rests on a check of the same day, or of the day before."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_GRANTED: Final = """
    SELECT today, model_version, model_sha256 = decode(%s, 'hex') FROM retrainings
    WHERE model_name = %s AND granted ORDER BY number DESC
"""
_INSERT: Final = """
    INSERT INTO retrainings
        (claimed_at, today, model_name, model_version, model_sha256, check_number, granted, reason)
    VALUES (now(), %s, %s, %s, decode(%s, 'hex'), %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether to train again now, and why, or why not."""

    granted: bool
    reason: str


def claim(
    connection: Connection, version: ModelVersion, today: dt.date, cooldown: dt.timedelta, *, again: bool
) -> Claim:
    """Ask for a retraining because of the last check of `version`, and write down the answer.

    Of two at the same time, one waits for the other. It holds once the connection's transaction is committed.

    Args:
        connection: to the database of the checks.
        version: what is in production.
        today: the day (UTC) of the claim.
        cooldown: time from one retraining to the next.
        again: even if this version was retrained for already, or another a short time ago.

    Raises:
        DriftError: no recent check found drift from this version.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, (f"retraining claims of {version.name}",))
        check = _drift_found(connection, version, today)
        cursor.execute(_GRANTED, (version.sha256, version.name))
        granted = cursor.fetchall()
        refusal = None if again else _refusal(granted, version, today, cooldown)
        answer = Claim(refusal is None, refusal or f"drift from version {version.version}: {check.reasons[0]}")
        facts = (today, version.name, version.version, version.sha256, check.number, answer.granted, answer.reason)
        cursor.execute(_INSERT, facts)
    return answer


def _drift_found(connection: Connection, version: ModelVersion, today: dt.date) -> StoredCheck:
    check = last_check(connection, version)
    if check is None or today - check.today > CHECK_LASTS:
        raise DriftError(f"no check of version {version.version} on {today}: run `python -m jenkins.drift check` first")
    if check.verdict is not Verdict.FAIL:
        raise DriftError(
            f"the last check of version {version.version} says {check.verdict}, not drift: no reason to train again"
        )
    return check


def _refusal(
    granted: list[tuple[dt.date, int, bool]], version: ModelVersion, today: dt.date, cooldown: dt.timedelta
) -> str | None:
    for day, number, same_model in granted:
        if same_model and number == version.version:
            return (
                f"version {number} was retrained for on {day} already, and is in production still: see what the gate "
                "said of its candidate; `claim --again` trains once more"
            )
    if granted and today - granted[0][0] < cooldown:
        return (
            f"the last retraining because of drift was on {granted[0][0]}, for version {granted[0][1]}: the next one "
            f"not before {granted[0][0] + cooldown}; `claim --again` does not wait"
        )
    return None
