"""Claims of retrainings: one for each version that applicants drifted from, and none before the last has cooled down.

A retraining need not end the drift: the gate may reject its candidate, or no model may be able to learn the change yet.
Without claims such a drift would start a training every day; with them it is an alert.

A retraining that decided nothing releases its claim, so that the next check with drift may claim again, a limited
number of times. Rows are never changed: a release is another row, whose reason begins with it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from fraud.registry import ModelVersion
from fraud.verdict import Verdict
from jenkins.drift.checks_table import StoredCheck, last_check
from jenkins.drift.errors import DriftError

CHECK_LASTS: Final = dt.timedelta(days=1)
"""A claim rests on a check of the same day, or of the day before."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
GIVEN_BACK: Final = "given back: "
ONCE_MORE: Final = (
    "`python -m jenkins.drift claim --again && python -m jenkins.retrain --reason drift` trains once more"
)

_HISTORY: Final = """
    SELECT today, model_version, encode(model_sha256, 'hex'), check_number, granted FROM retrainings
    WHERE model_name = %s AND (granted OR starts_with(reason, %s)) ORDER BY number
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


@dataclass(frozen=True, slots=True)
class Granted:
    """A claim that was granted, and whether it was given back since."""

    day: dt.date
    version: int
    sha256: str
    check_number: int
    given_back: bool = False

    def is_for(self, version: ModelVersion) -> bool:
        """Whether it was granted because of drift from this version."""
        return (self.version, self.sha256) == (version.version, version.sha256)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often retrainings may begin by themselves."""

    cooldown: dt.timedelta
    """From one retraining to the next."""
    tries: int
    """Retrainings for one version that decide nothing."""


def claim(connection: Connection, version: ModelVersion, today: dt.date, bounds: Bounds, *, again: bool) -> Claim:
    """Ask for a retraining because of the last check of `version`, and write down the answer.

    Of two at the same time, one waits for the other. It holds once the connection's transaction is committed.

    Args:
        connection: to the database of the checks.
        version: what is in production.
        today: the day (UTC) of the claim.
        bounds: how often.
        again: even if this version was retrained for already, or another a short time ago.

    Raises:
        DriftError: no recent check found drift from this version.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, (f"retraining claims of {version.name}",))
        check = _drift_found(connection, version, today)
        refusal = None if again else _refusal(_granted(cursor, version.name), version, today, bounds)
        answer = Claim(refusal is None, refusal or f"drift from version {version.version}: {check.reasons[0]}")
        _write(cursor, version, today, check.number, answer)
    return answer


def give_back(connection: Connection, version: ModelVersion, today: dt.date, why: str) -> Claim | None:
    """Take back the last claim that was granted, as its retraining decided nothing; None where there is none.

    Args:
        connection: to the database of the checks.
        version: what is in production; a claim of another version has had its retraining.
        today: the day (UTC).
        why: how the retraining ended.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, (f"retraining claims of {version.name}",))
        granted = _granted(cursor, version.name)
        if not granted or granted[-1].given_back or not granted[-1].is_for(version):
            return None
        answer = Claim(granted=False, reason=GIVEN_BACK + why)
        _write(cursor, version, today, granted[-1].check_number, answer)
    return answer


def _granted(cursor: Cursor, model_name: str) -> list[Granted]:
    """The claims that were granted, oldest first."""
    cursor.execute(_HISTORY, (model_name, GIVEN_BACK))
    found: list[Granted] = []
    for day, number, sha256, check_number, granted in cursor.fetchall():
        if granted:
            found.append(Granted(day, number, sha256, check_number))
        else:
            # Written only while the last one had not been given back.
            found[-1] = replace(found[-1], given_back=True)
    return found


def _write(cursor: Cursor, version: ModelVersion, today: dt.date, check_number: int, answer: Claim) -> None:
    facts = (today, version.name, version.version, version.sha256, check_number, answer.granted, answer.reason)
    cursor.execute(_INSERT, facts)


def _drift_found(connection: Connection, version: ModelVersion, today: dt.date) -> StoredCheck:
    check = last_check(connection, version)
    if check is None or today - check.today > CHECK_LASTS:
        raise DriftError(f"no check of version {version.version} on {today}: run `python -m jenkins.drift check`")
    if check.verdict is not Verdict.FAIL:
        raise DriftError(
            f"the last check of version {version.version} says {check.verdict}, not drift: no reason to train again"
        )
    return check


def _refusal(granted: list[Granted], version: ModelVersion, today: dt.date, bounds: Bounds) -> str | None:
    decided = [one for one in granted if not one.given_back]
    for one in reversed(decided):
        if one.is_for(version):
            return (
                f"version {one.version} was retrained for on {one.day}, and is still in production: see the gate's "
                f"report on its candidate; {ONCE_MORE}"
            )
    if decided and today - decided[-1].day < bounds.cooldown:
        return (
            f"the last retraining because of drift was on {decided[-1].day}, for version {decided[-1].version}: the "
            f"earliest next one is on {decided[-1].day + bounds.cooldown}; {ONCE_MORE} now"
        )
    undecided = [one for one in granted if one.given_back and one.is_for(version)]
    if len(undecided) >= bounds.tries:
        return (
            f"{len(undecided)} retrainings for version {version.version} decided nothing, the last on "
            f"{undecided[-1].day}: see why; {ONCE_MORE}"
        )
    return None
