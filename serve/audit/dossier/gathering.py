"""Assembles a dossier from the log, the registry, reports, policies and cases, in their current state."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_NAMES
from fraud.review_policy import SignedPolicy
from fraud.schema_version import read_version
from serve.audit.dossier.document import FORMAT, Answer, Audience, Changes, Dossier, OtherValue, Told
from serve.audit.dossier.model_facts import ModelShelf
from serve.audit.dossier.policy_facts import policy_of
from serve.audit.dossier.proving import Prover, is_erased
from serve.audit.dossier.steps import steps_of
from serve.audit.ledger import read_ledger
from serve.audit.reasons import ExplainedAnswer, LoadVersion, Telling, explain_row, reasons_on_record, rows_about
from serve.audit.review_borders import ReviewBorders
from serve.audit.stored_rows import LoggedRecord
from serve.audit.told_changes import WhatWouldHaveChangedIt
from serve.audit.witnesses import Outside
from serve.cases.table import case_history
from serve.journal.table import CASE_EVENTS
from serve.prediction_log.frame import StoredRecord

MOST_ANSWERS: Final = 20
"""Maximum answers of one dossier; others can be named by their request's id."""
TOP: Final = 5
"""Number of reasons of an answer."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of a dossier."""

    connection: Connection
    outside: Outside
    policies: Sequence[SignedPolicy]
    control_key: bytes | None
    load: LoadVersion
    shelf: ModelShelf


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of a dossier."""

    application: str | None
    """None: the given rows."""
    audience: Audience
    language: str


@dataclass(frozen=True, slots=True)
class Row:
    """One answer: a row of a record."""

    logged: LoggedRecord
    row: int

    @property
    def place(self) -> tuple[uuid.UUID, int, int]:
        """Its chain, record and row."""
        return self.logged.chain_id, self.logged.record.facts.sequence, self.row


def rows_of_application(records: Sequence[LoggedRecord], application: str) -> list[Row]:
    """The answers about one application, oldest first, without load tests."""
    found = [
        Row(one, row)
        for one in records
        if not one.record.facts.load_test
        for row in rows_about(one.record, application)
    ]
    return sorted(found, key=lambda row: (row.logged.record.facts.received_at, *row.place))


def gather(sources: Sources, rows: Sequence[Row], wish: Wish) -> Dossier:
    """The dossier of these answers, oldest first.

    Raises:
        AuditError: a record was changed, or names a policy that was not in force.
        ProjectError: the registry does not answer, or does not have the version.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    connection = sources.connection
    has_cases = read_version(connection) >= CASE_EVENTS.since and wish.application is not None
    histories = case_history(connection, wish.application) if has_cases and wish.application is not None else []
    prover = Prover(connection, sources.outside, read_ledger(connection))
    shown = rows[:MOST_ANSWERS]
    answers = [_answer(sources, prover, row, wish) for row in shown]
    return Dossier(
        format=FORMAT,
        made_at=dt.datetime.now(dt.UTC),
        audience=wish.audience,
        language=wish.language,
        application=wish.application,
        answers=answers,
        left_out=len(rows) - len(shown),
        steps=steps_of(histories, (row.place for row in rows), wish.audience),
        has_cases=bool(histories),
    )


def _answer(sources: Sources, prover: Prover, row: Row, wish: Wish) -> Answer:
    record, facts = row.logged.record, row.logged.record.facts
    proof = prover.prove(row.logged, row.row, for_citizen=wish.audience is Audience.CITIZEN)
    if is_erased(record, row.row):
        return Answer(
            erased=True,
            row_number=row.row,
            **dict.fromkeys(_DATA, None),
            reasons=(),
            why_no_reasons=None,
            proof=proof,
        )
    borders = ReviewBorders(sources.policies)
    explained = explain_row(record, row.row, sources.load, Telling(TOP, borders, wish.language))
    return Answer(
        erased=False,
        row_number=row.row,
        request_id=facts.request_id,
        received_at=_moment(facts.received_at),
        recorded_at=_moment(facts.recorded_at),
        load_test=facts.load_test,
        sent=_sent(record, row.row),
        probability=float(record.probabilities[row.row]),
        model_version=facts.model_version,
        model_sha256=facts.model_sha256.hex(),
        given=_given(record, row.row, wish.language),
        reasons=[Told.of(reason) for reason in explained.reasons],
        agrees=explained.agrees,
        why_no_reasons=explained.why_none,
        changes=_changes(explained, wish.audience),
        policy=policy_of(record, row.row, sources.policies, sources.control_key, wish.audience),
        model=sources.shelf.facts(facts.model_version, facts.model_sha256.hex(), wish.audience),
        proof=proof,
    )


_DATA: Final = (
    *("request_id", "received_at", "recorded_at", "load_test", "sent", "probability", "model_version"),
    *("model_sha256", "given", "agrees", "changes", "policy", "model"),
)
"""The fields of an erased answer."""


def _sent(record: StoredRecord, row: int) -> dict[str, float | None]:
    values = record.features[row].tolist()
    names = FEATURE_NAMES[: len(values)]
    return {name: _or_none(value) for name, value in zip(names, values, strict=True)}


def _given(record: StoredRecord, row: int, language: str) -> list[Told] | None:
    found = reasons_on_record(record, row, language)
    return None if found is None else [Told.of(reason) for reason in found]


def _changes(explained: ExplainedAnswer, audience: Audience) -> Changes | None:
    told: WhatWouldHaveChangedIt | None = explained.what_would_have_changed_it
    if told is None:
        return None
    found = [
        OtherValue(
            field=change.field,
            value=change.value,
            instead_of=_or_none(change.instead_of),
            text=change.text,
            probability=change.probability if audience is Audience.COURT else None,
        )
        for change in told.changes
    ]
    return Changes(found, told.why_none)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _moment(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)
