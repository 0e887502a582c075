"""The answers of cases, as the desk may read them; other answers of the log are not accessible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

_ANSWER: Final = """
    SELECT request_id, received_at, endpoint, model_version, model_sha256, probability, features
    FROM public.case_answers WHERE case_number = %s
"""
_BESIDE: Final = """
    SELECT received_at, application_id, model_version, probability, case_number
    FROM public.applications_beside(%s, %s)
"""


class CaseAnswer(msgspec.Struct, frozen=True):
    """The answer of a case."""

    request_id: str
    received_at: dt.datetime
    endpoint: str
    model_version: int
    model_sha256: str
    probability: float
    features: Sequence[float | None]

    @property
    def row(self) -> NDArray[np.float32] | None:
        """The values [F], NaN for missing ones; None if they were erased."""
        if not self.features or all(value is None for value in self.features):
            return None
        return np.array(self.features, np.float32)


class ApplicationBeside(msgspec.Struct, frozen=True):
    """Another application of a case's applicant."""

    received_at: dt.datetime
    application_id: str | None
    model_version: int
    probability: float
    case_number: int | None


def answer_of(connection: Connection, number: int) -> CaseAnswer | None:
    """The answer of case `number`; None if it is no longer on record."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, (number,))
        found = cursor.fetchone()
    return None if found is None else CaseAnswer(*found)


def applications_beside(connection: Connection, number: int, most: int) -> list[ApplicationBeside]:
    """Other applications with the same `applicant_ref`, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, (number, most))
        return [ApplicationBeside(*found) for found in cursor.fetchall()]
