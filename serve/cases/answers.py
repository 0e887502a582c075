"""The answers that cases are about, as the desk may read them: those of cases, and no others of the log."""

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
    """What was answered."""

    request_id: str
    received_at: dt.datetime
    endpoint: str
    model_version: int
    model_sha256: str
    probability: float
    features: Sequence[float | None]

    @property
    def row(self) -> NDArray[np.float32] | None:
        """The values [F], NaN for one that was missing; None where they were erased."""
        if not self.features or all(value is None for value in self.features):
            return None
        return np.array(self.features, np.float32)


class ApplicationBeside(msgspec.Struct, frozen=True):
    """Another application of whoever a case is about."""

    received_at: dt.datetime
    application_id: str | None
    model_version: int
    probability: float
    case_number: int | None


def answer_of(connection: Connection, number: int) -> CaseAnswer | None:
    """What case `number` is about; None where the record has it no more."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, (number,))
        found = cursor.fetchone()
    return None if found is None else CaseAnswer(*found)


def applications_beside(connection: Connection, number: int, most: int) -> list[ApplicationBeside]:
    """Others of the same applicant, known by the same `applicant_ref`; the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, (number, most))
        return [ApplicationBeside(*found) for found in cursor.fetchall()]
