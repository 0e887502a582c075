"""The table `drift_checks`: every check that was made. All its SQL is here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from fraud.registry import ModelVersion
from fraud.verdict import Verdict
from jenkins.drift.result import DriftResult, EarlierCheck, WindowDrift

KEPT_CHECKS: Final = 60
"""Earlier checks that a report shows."""

_INSERT: Final = """
    INSERT INTO drift_checks
        (checked_at, today, model_name, model_version, model_sha256, verdict, reasons, windows)
    VALUES (%s, %s, %s, %s, decode(%s, 'hex'), %s, %s, %s)
"""
_EARLIER: Final = """
    SELECT checked_at, windows FROM drift_checks
    WHERE model_name = %s AND model_version = %s AND model_sha256 = decode(%s, 'hex') AND verdict <> 'error'
    ORDER BY number DESC LIMIT %s
"""
_LAST: Final = """
    SELECT number, today, verdict, reasons FROM drift_checks
    WHERE model_name = %s AND model_version = %s AND model_sha256 = decode(%s, 'hex')
    ORDER BY number DESC LIMIT 1
"""
_LOOKS: Final = """
    SELECT count(*) FROM drift_checks CROSS JOIN LATERAL jsonb_array_elements(windows) AS seen
    WHERE model_name = %s AND model_version = %s AND model_sha256 = decode(%s, 'hex') AND today = %s
        AND seen ->> 'name' = %s AND seen ->> 'verdict' <> 'inconclusive'
"""


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """The end of a check."""

    number: int
    today: dt.date
    verdict: Verdict
    reasons: tuple[str, ...]


def store(connection: Connection, result: DriftResult, version: ModelVersion | None, today: dt.date) -> None:
    """Write down a check; psycopg2.Error when PostgreSQL does not answer, or refuses."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            (
                result.checked_at,
                today,
                result.model_name,
                None if version is None else version.version,
                None if version is None else version.sha256,
                result.verdict.value,
                list(result.reasons),
                Json([_window(window) for window in result.windows]),
            ),
        )


def earlier_checks(connection: Connection, version: ModelVersion) -> dict[str, list[EarlierCheck]]:
    """The last checks of a version by name of the window, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, (version.name, version.version, version.sha256, KEPT_CHECKS))
        rows = cursor.fetchall()
    found: dict[str, list[EarlierCheck]] = {}
    for checked_at, windows in reversed(rows):
        for window in windows:
            check = EarlierCheck(checked_at, Verdict(window["verdict"]), window["psi"])
            found.setdefault(window["name"], []).append(check)
    return found


def last_check(connection: Connection, version: ModelVersion) -> StoredCheck | None:
    """The last check of a version; None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, (version.name, version.version, version.sha256))
        row = cursor.fetchone()
    return None if row is None else StoredCheck(row[0], row[1], Verdict(row[2]), tuple(row[3]))


def looks(connection: Connection, version: ModelVersion, today: dt.date, window: str) -> int:
    """How often a window of that day had enough rows to be judged."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOKS, (version.name, version.version, version.sha256, today, window))
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _window(window: WindowDrift) -> Mapping[str, Any]:
    return {
        "name": window.name,
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "applications": window.rows,
        "verdict": window.verdict.value,
        "psi": {variable.name: variable.distances.psi for variable in window.variables},
    }
