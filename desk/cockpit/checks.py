"""What the database knows of checks: the newest of each kind, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from psycopg2.extensions import connection as Connection

_DRIFT: Final = """
    SELECT checked_at, verdict, reasons, model_version FROM public.drift_checks
    WHERE model_name = %s ORDER BY number DESC LIMIT 1
"""
_RETRAINING: Final = """
    SELECT claimed_at, CASE WHEN granted THEN 'granted' ELSE 'refused' END, ARRAY[reason], model_version
    FROM public.retrainings WHERE model_name = %s ORDER BY number DESC LIMIT 1
"""


class Check(msgspec.Struct, frozen=True):
    """The newest check of one kind."""

    name: str
    at: dt.datetime | None = None
    """None: there was none."""
    verdict: str = "none yet"
    reasons: tuple[str, ...] = ()
    version: int | None = None
    """Of the model that it was about."""


def newest_checks(connection: Connection, model: str) -> list[Check]:
    """Of each kind the newest one about a model."""
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, (model,))
        drift = _check("Drift check", cursor.fetchone())
        cursor.execute(_RETRAINING, (model,))
        return [drift, _check("Retraining because of drift", cursor.fetchone())]


def _check(name: str, found: tuple[Any, ...] | None) -> Check:
    if found is None:
        return Check(name)
    at, verdict, reasons, version = found
    return Check(name, at, verdict, tuple(reasons), version)
