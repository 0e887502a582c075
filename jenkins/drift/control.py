"""How much better than chance reviews find quick divorces, by the control sample: it was drawn without the model.

A random review would find the rate among all applicants. Reviews alone do not show it; the control sample has the
outcomes of applicants in whom the model saw no risk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import psycopg2
from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.foreign_errors import postgres_words
from fraud.review_policy import signed_policies
from fraud.review_policy_table import read_journal
from fraud.settings import DatabaseRole, Settings
from fraud.statistics.bootstrap import percentile_interval
from fraud.statistics.interval import Interval
from fraud.statistics.inverse_probability import looked_at_average_precision
from fraud.verdict import Verdict
from serve.audit.decisions import Decision, decisions
from train.maturity import known_before, label_cutoff

APPLICATION_NAME: Final = "control"
DRAWS: Final = 20_000
SEED: Final = 20250501
_OUTCOMES: Final = """
    SELECT application_id, "Divorce" FROM outcomes_known(%(known_before)s) WHERE application_id = ANY(%(ids)s)
    UNION
    SELECT application_id, "Divorce" FROM divorce_predictions WHERE application_id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Applications on one side of the threshold, and those of them whose outcome is known since they were looked at."""

    applications: int
    known: int
    divorced: int

    def rates(self, rng: np.random.Generator) -> np.ndarray:
        """Rates as likely as the outcomes make them: Jeffreys' posterior, whose quantiles cover small counts too."""
        return rng.beta(self.divorced + 0.5, self.known - self.divorced + 0.5, DRAWS)


@dataclass(frozen=True, slots=True)
class ControlReport:
    """What reviews and the control sample say together; figures are None where one side has no outcome yet."""

    suspected: Counted
    others: Counted
    times_better: Interval | None = None
    """Rate among the suspected over the rate among all: what a review finds beside one by chance."""
    found: Interval | None = None
    """Share of all quick divorces that are among the suspected."""
    average_precision: Interval | None = None

    @property
    def verdict(self) -> Verdict:
        """Pass: better than chance; fail: no better; inconclusive: nobody can tell yet."""
        if self.times_better is None or self.times_better.low <= 1 < self.times_better.high:
            return Verdict.INCONCLUSIVE
        return Verdict.PASS if self.times_better.low > 1 else Verdict.FAIL


def control_report(settings: Settings, today: dt.date) -> ControlReport:
    """Of all decisions on record whose outcome could be known by the day, with outcomes as they were known on it.

    Raises:
        AuditError: a decision does not follow from a signed policy, or REVIEW_CONTROL_KEY is not the policy's.
        DatabaseError: PostgreSQL does not answer, or refuses.
    """
    mature = label_cutoff(today, settings.label_maturity_days)
    try:
        with connect(settings.dsn(DatabaseRole.AUDITOR), APPLICATION_NAME) as connection:
            policies = signed_policies(read_journal(connection))
            latest = _latest(decisions(connection, policies, settings.control_secret()), mature)
        with connect(settings.dsn(DatabaseRole.TRAINER), APPLICATION_NAME) as connection:
            ids = [name for one in latest if (name := one.application_id) is not None]
            outcomes = _outcomes(connection, ids, known_before(today))
    except psycopg2.Error as error:
        raise DatabaseError(f"decisions can't be read: {postgres_words(error)}") from error
    return estimate(latest, outcomes)


def estimate(made: Iterable[Decision], outcomes: dict[str, int]) -> ControlReport:
    """From decisions, each application once, and outcomes by application; those of who was passed count for nothing."""
    sides: dict[bool, list[Decision]] = {True: [], False: []}
    for one in made:
        sides[one.probability >= one.threshold].append(one)
    known = {side: [one for one in of if one.reviewed and one.application_id in outcomes] for side, of in sides.items()}
    suspected, others = (
        Counted(len(sides[side]), len(known[side]), sum(outcomes[str(one.application_id)] for one in known[side]))
        for side in (True, False)
    )
    if not suspected.known or not others.known:
        return ControlReport(suspected, others)
    rng = np.random.default_rng(SEED)
    times_better, found = _ratios(suspected, others, suspected.rates(rng), others.rates(rng))
    return ControlReport(
        suspected, others, times_better, found, _average_precision([*known[True], *known[False]], outcomes)
    )


def told(report: ControlReport) -> str:
    """As people read it."""
    lines = [
        f"{name}: {side.applications:,} applications, outcomes of {side.known:,} reviewed, {side.divorced:,} divorced"
        for name, side in (("From the threshold on", report.suspected), ("Below it", report.others))
    ]
    if report.times_better is None or report.found is None:
        return "\n".join([*lines, "Too few outcomes to compare: wait for those of reviews and the control sample."])
    better, found, precision = report.times_better, report.found, report.average_precision
    lines += [
        f"Reviews find {better.estimate:.2f} times as many as by chance (95%: {better.low:.2f} to {better.high:.2f}).",
        f"They find {found.estimate:.1%} of all quick divorces (95%: {found.low:.1%} to {found.high:.1%}).",
    ]
    return "\n".join([*lines, *([] if precision is None else [f"Average precision on all applications: {precision}."])])


def _ratios(suspected: Counted, others: Counted, high: np.ndarray, low: np.ndarray) -> tuple[Interval, Interval]:
    """Times better than chance, and share found, from drawn rates among the suspected and the others."""
    everybody = suspected.applications + others.applications

    def both(of_suspected: np.ndarray, of_others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        divorces = suspected.applications * of_suspected + others.applications * of_others
        return of_suspected * everybody / divorces, suspected.applications * of_suspected / divorces

    # Half a divorce on each side keeps the estimate defined where nobody divorced, as it does the intervals.
    rates = (np.array([(side.divorced + 0.5) / (side.known + 1)]) for side in (suspected, others))
    better, found = (
        percentile_interval(float(one[0]), drawn) for one, drawn in zip(both(*rates), both(high, low), strict=True)
    )
    return better, found


def _average_precision(known: list[Decision], outcomes: dict[str, int]) -> Interval | None:
    labels = np.array([outcomes[str(one.application_id)] for one in known])
    if not labels.any():
        return None
    scores = np.array([one.probability for one in known], np.float32)
    return looked_at_average_precision(labels, scores, np.array([one.looked_at_probability for one in known]))


def _latest(made: Iterable[Decision], before: dt.date) -> list[Decision]:
    """Each application once, as it was decided last; who has no id counts each time."""
    latest: dict[object, Decision] = {}
    for one in made:
        if not one.load_test and one.received_at.date() < before:
            latest[one.application_id or (one.request_id, one.row_number)] = one
    return list(latest.values())


def _outcomes(connection: Connection, ids: list[str], known: dt.datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, {"ids": ids, "known_before": known})
        return {name: int(divorced) for name, divorced in cursor.fetchall()}
