"""Everything on record about one person: for access requests (GDPR, Article 15), and before an erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_NAMES
from serve.audit.erasure import place_of, rows_of
from serve.audit.person_cases import RowPlace, ToldCase, cases_of
from serve.audit.reasons import ToldReason, reasons_on_record
from serve.audit.shadows import Shadow, shadows_of
from serve.audit.stored_rows import LoggedRecord, records_of_applicant

_OUTCOMES: Final = """
    SELECT application_id, valid_on, "Divorce", act, source, recorded_at FROM public.outcomes
    WHERE application_id = ANY(%s) AND act <> 'weighing' ORDER BY number
"""
_GROUPS: Final = """
    SELECT application_id, attribute, value FROM public.applicant_groups WHERE application_id = ANY(%s)
    ORDER BY application_id, attribute
"""
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Outcome(msgspec.Struct, frozen=True):
    """An entry about an application's outcome: a label, correction or withdrawal."""

    decided_on: dt.date
    """The outcome's date."""
    divorce: int | None
    """None: an earlier outcome is withdrawn."""
    act: str
    """`outcome`, `correction` or `withdrawal`."""
    source: str
    recorded_at: dt.datetime


class ShadowAnswer(msgspec.Struct, frozen=True):
    """A shadow version's answer, which nobody received."""

    model_version: int
    probability: float


class Answered(msgspec.Struct, frozen=True):
    """One application of the person, and its answer."""

    request_id: str
    received_at: dt.datetime
    recorded_at: dt.datetime
    endpoint: str
    caller: str
    load_test: bool
    row_number: int
    application_id: str | None
    features: dict[str, float]
    probability: float
    shadow: ShadowAnswer | None
    """The shadow version's answer, if there was one."""
    reasons: Sequence[ToldReason] | None
    """The reasons in the answer, if requested."""
    model_version: int
    model_sha256: str
    chain_id: str
    sequence: int
    outcomes: Sequence[Outcome]
    groups: dict[str, str]
    """The applicant's group attributes that are not features."""
    case: ToldCase | None
    """Officers' acts on it, if it was reviewed at the desk."""


def applications_of(connection: Connection, pseudonyms: Sequence[bytes]) -> list[Answered]:
    """All recorded applications of the person with any of these pseudonyms, oldest first.

    Raises:
        AuditError: a record can't be read.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    records = list(records_of_applicant(connection, pseudonyms))
    names = {name for logged in records for name in logged.record.application_ids or () if name is not None}
    outcomes: dict[str, list[Outcome]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, (sorted(names),))
        for application_id, *told in cursor.fetchall():
            outcomes.setdefault(application_id, []).append(Outcome(*told))
        cursor.execute(_GROUPS, (sorted(names),))
        groups: dict[str, dict[str, str]] = {}
        for application_id, attribute, value in cursor.fetchall():
            groups.setdefault(application_id, {})[attribute] = value
    shadows = shadows_of(connection, records)
    cases = cases_of(connection, [_place(logged, row) for logged in records for row in rows_of(logged, pseudonyms)])
    found = [
        msgspec.structs.replace(answered, case=cases.get(_place(logged, answered.row_number)))
        for logged in records
        for answered in _answered(logged, pseudonyms, outcomes, groups, shadows.get(place_of(logged)))
    ]
    return sorted(found, key=lambda answered: (answered.received_at, answered.request_id, answered.row_number))


def _answered(
    logged: LoggedRecord,
    pseudonyms: Sequence[bytes],
    outcomes: dict[str, list[Outcome]],
    groups: dict[str, dict[str, str]],
    shadow: Shadow | None,
) -> Iterator[Answered]:
    record, facts = logged.record, logged.record.facts
    for row in rows_of(logged, pseudonyms):
        application_id = None if record.application_ids is None else record.application_ids[row]
        yield Answered(
            request_id=facts.request_id,
            received_at=_moment(facts.received_at),
            recorded_at=_moment(facts.recorded_at),
            endpoint=facts.endpoint,
            caller=facts.caller,
            load_test=facts.load_test,
            row_number=row,
            application_id=application_id,
            features=dict(zip(FEATURE_NAMES[: record.features.shape[1]], record.features[row].tolist(), strict=True)),
            probability=float(record.probabilities[row]),
            shadow=None if shadow is None else _shadow_answer(shadow, row),
            reasons=reasons_on_record(record, row),
            model_version=facts.model_version,
            model_sha256=facts.model_sha256.hex(),
            chain_id=str(logged.chain_id),
            sequence=facts.sequence,
            outcomes=() if application_id is None else outcomes.get(application_id, ()),
            groups={} if application_id is None else groups.get(application_id, {}),
            case=None,
        )


def _place(logged: LoggedRecord, row: int) -> RowPlace:
    return str(logged.chain_id), logged.record.facts.sequence, row


def _shadow_answer(shadow: Shadow, row: int) -> ShadowAnswer | None:
    probability = shadow.probabilities[row]
    return None if probability is None else ShadowAnswer(shadow.model_version, probability)


def _moment(microseconds: int) -> dt.datetime:
    return _EPOCH + microseconds * _MICROSECOND
