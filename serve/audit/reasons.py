"""Reasons of recorded answers: those given then, and those recomputed with the version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.languages import ENGLISH
from fraud.reason_words import OFFERED
from serve.audit.answering_versions import AnsweringVersion
from serve.audit.review_borders import ReviewBorders
from serve.audit.stored_rows import records_of_application
from serve.audit.told_changes import WhatWouldHaveChangedIt, told_changes
from serve.prediction_log.frame import StoredRecord
from serve.scoring.reasons import weightiest

TOLERANCE: Final = 1e-6
"""Tolerance between a recorded effect and the recomputed one, absolute."""
LOG_ODDS_TOLERANCE: Final = 1e-4
"""Tolerance of the log-odds of a recorded probability, relative above 1."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

ERASED: Final = "its features were erased"
NO_CONTRIBUTIONS: Final = "version {} was registered without tables of contributions"
OTHER_FEATURES: Final = "its record has {} features, but {} are declared"


class ToldReason(msgspec.Struct, frozen=True):
    """A feature's value, its effect on the log-odds, and both in words."""

    field: str
    value: float
    effect: float
    text: str


class ExplainedAnswer(msgspec.Struct, frozen=True):
    """One answer and its reasons; if there are none, `why_none` says why."""

    request_id: str
    received_at: dt.datetime
    row_number: int
    probability: float
    model_version: int
    model_sha256: str
    on_record: Sequence[ToldReason] | None
    """The reasons in the answer; None if it had none, or if they were erased."""
    base: float | None = None
    reasons: Sequence[ToldReason] = ()
    """The reasons recomputed with the version."""
    agrees: bool | None = None
    """Whether they explain the probability, and match the recorded ones."""
    what_would_have_changed_it: WhatWouldHaveChangedIt | None = None
    why_none: str | None = None


class LoadVersion(Protocol):
    """Loads the versions of recorded answers."""

    def __call__(self, version: int, sha256: str) -> AnsweringVersion | None:
        """The version with this model; None if it was registered without tables of contributions."""


class Telling(msgspec.Struct, frozen=True):
    """Options of the reasons, and their language."""

    top: int
    """Number of reasons."""
    borders: ReviewBorders
    language: str = ENGLISH


def explain_application(
    connection: Connection, application_id: str, load: LoadVersion, telling: Telling
) -> list[ExplainedAnswer]:
    """Every answer about an application, oldest first, with its reasons and counterfactuals.

    Raises:
        AuditError: a record can't be read.
        ProjectError: a version can't be loaded.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    records = list(records_of_application(connection, application_id))
    found = [
        explain_row(one.record, row, load, telling) for one in records for row in rows_about(one.record, application_id)
    ]
    return sorted(found, key=lambda answer: (answer.received_at, answer.request_id, answer.row_number))


def reasons_on_record(record: StoredRecord, row: int, language: str = ENGLISH) -> list[ToldReason] | None:
    """The recorded reasons of a row; None if the answer had none, or if they were erased."""
    if record.reasons is None or np.isnan(record.reasons[row]).all():
        return None
    pairs = record.reasons[row].reshape(-1, 2)
    return told(record.features[row], pairs[:, 0].astype(np.intp), pairs[:, 1], language)


def told(
    features: NDArray[np.float32], columns: NDArray[np.intp], effects: NDArray[np.float32], language: str
) -> list[ToldReason]:
    """Effects of some features of a row, in order; values that no server writes are shown unchanged."""
    reasons = []
    for column, effect in zip(columns.tolist(), effects.tolist(), strict=True):
        if not 0 <= column < len(features):
            reasons.append(ToldReason(f"feature {column}", float("nan"), effect, "there is no such feature"))
            continue
        value = float(features[column])
        reasons.append(ToldReason(FEATURE_NAMES[column], value, effect, OFFERED[language][column].tell(value, effect)))
    return reasons


def explain_row(record: StoredRecord, row: int, load: LoadVersion, telling: Telling) -> ExplainedAnswer:
    """One answer of a record, with its reasons and counterfactuals.

    Raises:
        ProjectError: the version can't be loaded.
    """
    facts = record.facts
    answer = ExplainedAnswer(
        request_id=facts.request_id,
        received_at=_EPOCH + dt.timedelta(microseconds=facts.received_at),
        row_number=row,
        probability=float(record.probabilities[row]),
        model_version=facts.model_version,
        model_sha256=facts.model_sha256.hex(),
        on_record=reasons_on_record(record, row, telling.language),
    )
    return _with_reasons(answer, record, load, telling)


def rows_about(record: StoredRecord, application_id: str) -> list[int]:
    """The rows of a record about one application."""
    return [row for row, name in enumerate(record.application_ids or ()) if name == application_id]


def _with_reasons(
    answer: ExplainedAnswer, record: StoredRecord, load: LoadVersion, telling: Telling
) -> ExplainedAnswer:
    row, language = answer.row_number, telling.language
    features = record.features[row]
    if np.isnan(features).all():
        return msgspec.structs.replace(answer, why_none=ERASED)
    version = load(answer.model_version, answer.model_sha256)
    if version is None:
        return msgspec.structs.replace(answer, why_none=NO_CONTRIBUTIONS.format(answer.model_version))
    if len(features) != FEATURE_COUNT:
        return msgspec.structs.replace(answer, why_none=OTHER_FEATURES.format(len(features), FEATURE_COUNT))
    base = version.contributions.base
    (effects,) = version.contributions.effects(features[np.newaxis])
    (columns,) = weightiest(effects[np.newaxis], telling.top)
    border = telling.borders.of(record.facts.endpoint, answer.request_id, answer.received_at)
    given = None if record.reasons is None else record.reasons[row].reshape(-1, 2)
    return msgspec.structs.replace(
        answer,
        base=float(base),
        reasons=told(features, columns, effects[columns], language),
        agrees=_explains(base, effects, answer.probability) and _is_same(effects, given),
        what_would_have_changed_it=told_changes(features, answer.probability, border, version, language),
    )


def _explains(base: float, effects: NDArray[np.float32], probability: float) -> bool:
    """Whether base and effects add up to the log-odds of a probability; near 0 and 1 this can't be checked."""
    if not 0.0 < probability < 1.0:
        return True
    log_odds = float(np.log(probability) - np.log1p(-probability))
    total = base + float(effects.sum(dtype=np.float64))
    rounding = float(np.spacing(np.float32(probability))) / (probability * (1 - probability))
    return abs(total - log_odds) <= LOG_ODDS_TOLERANCE * max(1.0, abs(log_odds)) + rounding


def _is_same(effects: NDArray[np.float32], given: NDArray[np.float32] | None) -> bool:
    """Whether recorded pairs are the largest effects, except for ties; missing or erased pairs count as equal."""
    if given is None or np.isnan(given).all():
        return True
    columns = given[:, 0].astype(np.intp)
    if len(set(columns.tolist())) < len(columns) or not (columns.min() >= 0 and columns.max() < len(effects)):
        return False
    expected = effects[weightiest(effects[np.newaxis], len(columns))[0]]
    in_order = np.abs(np.abs(given[:, 1]) - np.abs(expected)) <= TOLERANCE
    return bool(in_order.all() and (np.abs(effects[columns] - given[:, 1]) <= TOLERANCE).all())
