"""The comparison as a whole: one way through the log, then the figures."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from bench.shadow.applications import Applications, ApplicationStore, application_store
from bench.shadow.copied_rows import ERASED, AnsweredRows, Unreadable
from bench.shadow.decisions import decide
from bench.shadow.figures import density, figures
from bench.shadow.flips import Explanations, explain_flips
from bench.shadow.logged_rows import MOST_ROWS, Window, count_answers, read_answers
from bench.shadow.record_audit import RecordAudit
from bench.shadow.result import Comparison, Limits, RowCounts, Shadow
from bench.shadow.version_engines import VersionEngines, opened
from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.foreign_errors import postgres_words
from fraud.registry import ModelVersion, Registry
from fraud.review_policy import SignedPolicy, in_force, signed_policies
from fraud.review_policy_table import read_journal
from fraud.stored_attributes import read_attributes_by_hash
from serve.engine import EngineOptions

APPLICATION_NAME = "shadow"


@dataclass(frozen=True, slots=True)
class Models:
    """The two that are compared, and how they are run."""

    registry: Registry
    champion: ModelVersion
    candidate: ModelVersion
    options: EngineOptions


@dataclass(frozen=True, slots=True)
class _Reading:
    """What becomes of each chunk."""

    champion: VersionEngines
    candidate: VersionEngines
    store: ApplicationStore
    rows: RowCounts
    record: RecordAudit = field(default_factory=RecordAudit)

    def see(self, chunk: AnsweredRows) -> None:
        """Score a chunk by both, compare the champion's own answers with the record, and keep what is compared."""
        self.rows.read += chunk.stored.size
        is_erased = (chunk.x == ERASED).all(axis=1)
        if is_erased.any():
            self.rows.erased += int(is_erased.sum())
            chunk = chunk.part(~is_erased)
        if not chunk.stored.size:
            return
        champion = self.champion.score(chunk.x)
        if chunk.is_own.any():
            own = chunk if chunk.is_own.all() else chunk.part(chunk.is_own)
            self.record.see(own, champion[chunk.is_own], self.champion.score_otherwise)
            self.rows.own += own.stored.size
        candidate = self.candidate.score(chunk.x)
        self.store.add(chunk.x, champion, candidate, chunk.received_us, chunk.application)

    def see_unreadable(self, records: list[Unreadable]) -> None:
        """Count them."""
        self.rows.unreadable_records += len(records)
        self.record.see_unreadable(records)


def compare(dsn: str, models: Models, window: Window, limits: Limits, *, capacity: float, work_dir: Path) -> Shadow:
    """Compare a candidate with production on the applications that were answered in a window.

    Args:
        dsn: of the database with the log.
        models: both versions.
        window: of the log.
        limits: what is asked of the candidate.
        capacity: share of applications that officers review, where no review policy is in force.
        work_dir: for the features while they are needed.

    Raises:
        DatabaseError, RegistryError, EngineError, GoldenRowsError, ProbabilityError, PolicyError: something can't be
            read or run.
    """
    started_s = time.monotonic()
    with ExitStack() as stack:
        champion = stack.enter_context(opened(models.registry, models.champion, models.options))
        candidate = stack.enter_context(opened(models.registry, models.candidate, models.options))
        store = stack.enter_context(application_store(work_dir))
        connection = stack.enter_context(connect(dsn, APPLICATION_NAME))
        try:
            answered = count_answers(connection, window)
            reading = _Reading(champion, candidate, store, RowCounts(answered.rows, answered.load_tests))
            share = min(1.0, MOST_ROWS / max(1, answered.rows))
            read_answers(connection, window, models.champion, share, reading)
            policy = in_force(signed_policies(read_journal(connection)), window.until)
            applications = store.applications()
            comparison = _compared(connection, applications, (champion, candidate), policy, capacity)
        except psycopg2.Error as error:
            raise DatabaseError(f"the log can't be read: {postgres_words(error)}") from error
    return Shadow(
        model_name=models.champion.name,
        champion=models.champion.version,
        candidate=models.candidate.version,
        window=window,
        seconds=time.monotonic() - started_s,
        limits=limits,
        rows=reading.rows,
        record=reading.record,
        comparison=comparison,
    )


def _compared(
    connection: Connection,
    applications: Applications,
    engines: tuple[VersionEngines, VersionEngines],
    policy: SignedPolicy | None,
    capacity: float,
) -> Comparison | None:
    if not applications.champion.size:
        return None
    rule, decisions = decide(applications.champion, applications.candidate, policy, capacity)
    explanations = Explanations(*(one.contributions for one in engines))
    to_review, to_pass = explain_flips(applications, decisions, explanations)
    return Comparison(
        rule=rule,
        figures=figures(applications, decisions, read_attributes_by_hash(connection, applications.hashes)),
        density=density(applications),
        to_review=to_review,
        to_pass=to_pass,
        without_reasons=tuple(one.version.version for one in engines if one.contributions is None),
    )
