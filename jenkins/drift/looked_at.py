"""The probability with which each outcome was observed, from the decisions on record; training weights by it.

A suspected application was certainly reviewed; one of the control sample with the sample's share as probability. An
application that was decided several times was looked at if any decision says so; the control draw is the same each
time, so the likeliest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psycopg2

from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.foreign_errors import postgres_words
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.settings import DatabaseRole, Settings
from serve.audit.decisions import Decision, decisions

APPLICATION_NAME: Final = "looked at"
_STORE: Final = """
    UPDATE application_outcomes AS outcome SET looked_at_probability = said.probability
    FROM unnest(%s::text[], %s::real[]) AS said (application_id, probability)
    WHERE outcome.application_id = said.application_id
    RETURNING outcome.looked_at_probability < 1
"""
_PASSED: Final = "SELECT count(*) FROM application_outcomes WHERE application_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Stored:
    """Outcomes whose application was decided about."""

    suspected: int
    """Looked at for the probability."""
    control: int
    """Looked at by chance."""
    passed: int
    """Of applications that nobody was to look at: they are left as they are."""

    def __str__(self) -> str:
        """As people read it."""
        told = (
            f"Outcomes of suspected applications, each counted once: {self.suspected:,}. "
            f"Outcomes of the control sample, which represent all whom the model did not suspect: {self.control:,}."
        )
        if not self.passed:
            return told
        return (
            f"{told} Outcomes of applications without the decision `review`, each also counted once: {self.passed:,}. "
            "Remove them from application_outcomes, unless outcomes are known for everybody; then set "
            "looked_at_probability to 1 in all of them."
        )


def store_looked_at(settings: Settings) -> Stored:
    """Write `application_outcomes.looked_at_probability` of all applications that were decided about.

    Raises:
        AuditError: a decision does not follow from a signed policy, or REVIEW_CONTROL_KEY is not the policy's.
        DatabaseError: PostgreSQL does not answer, or refuses.
    """
    try:
        with connect(settings.dsn(DatabaseRole.AUDITOR), APPLICATION_NAME) as connection:
            policies = signed_policies(read_journal(connection))
            looked_at, passed = looked_at_probabilities(decisions(connection, policies, settings.control_secret()))
        # No login of a program may weigh outcomes. The view's trigger writes an entry for each that changes.
        with connect(settings.dsn(), APPLICATION_NAME) as connection, connection.cursor() as cursor:
            cursor.execute(_STORE, (list(looked_at), list(looked_at.values())))
            by_chance = [one for (one,) in cursor.fetchall()]
            cursor.execute(_PASSED, (sorted(passed),))
            ((outcomes_of_passed,),) = cursor.fetchall()
    except psycopg2.Error as error:
        raise DatabaseError(f"outcomes can't be weighed: {postgres_words(error)}") from error
    return Stored(by_chance.count(False), by_chance.count(True), outcomes_of_passed)


def looked_at_probabilities(made: Iterable[Decision]) -> tuple[dict[str, float], set[str]]:
    """Applications that were reviewed, with their probability of it; and those that never were."""
    likeliest: dict[str, float] = {}
    reviewed: set[str] = set()
    for one in made:
        name = one.application_id
        if name is None or one.load_test or one.reviewed is None:
            continue
        likeliest[name] = max(likeliest.get(name, 0.0), one.looked_at_probability)
        if one.reviewed:
            reviewed.add(name)
    return {name: likeliest[name] for name in likeliest if name in reviewed}, likeliest.keys() - reviewed
