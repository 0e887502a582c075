"""The monitor's works, from settings to what is written: check, groups, claim, give back, rebuild."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.errors import DatabaseError, ProjectError
from fraud.foreign_errors import postgres_words
from fraud.registry import ModelVersion, Registry
from fraud.schema_version import read_version
from fraud.settings import DatabaseRole, Settings
from fraud.settings.access import ADMIN_USER
from fraud.verdict import Verdict
from jenkins.drift.check import TODAY_SO_FAR, Check, WindowPlan
from jenkins.drift.checks_table import earlier_checks, looks, store
from jenkins.drift.claims import Bounds, Claim, claim, give_back
from jenkins.drift.errors import DriftError
from jenkins.drift.groups.check import GroupCheck, GroupPolicy, check_groups
from jenkins.drift.logged_applications import LoggedApplications
from jenkins.drift.policy import DriftPolicy
from jenkins.drift.rebuild import logged_days, rebuild_day
from jenkins.drift.reference import check_bins, load_profile, production_version
from jenkins.drift.result import DriftResult
from jenkins.drift.training_data import TrainingData
from jenkins.drift.waiting_records import ServerMetrics, wait_for_records
from train.maturity import known_before, label_cutoff

APPLICATION_NAME: Final = "drift"
DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Monitor:
    """Checks the version in production as of a day."""

    settings: Settings
    today: dt.date

    def check(self, *, now: bool = False) -> DriftResult:
        """Check, and write the check down; a fault that its reader can mend is in the result.

        Args:
            now: look at the running day too, once the records of what was answered so far are there.
        """
        started, started_s = dt.datetime.now(dt.UTC), time.monotonic()
        result = DriftResult(self.settings.model_name, None, started, seconds=0.0)
        version = None
        try:
            version = production_version(self._registry())
            result = replace(result, model_version=version.version)
            if now:
                # Before anything is asked: no transaction stays open meanwhile.
                note = self._wait_for_today()
                result = replace(result, notes=() if note is None else (note,))
            with self._connection() as connection:
                result = self._compare(connection, version, result, now=now)
        except ProjectError as error:
            result = replace(result, windows=(), error=str(error))
        result = replace(result, seconds=time.monotonic() - started_s)
        try:
            with self._connection() as connection:
                store(connection, result, version, self.today)
        except ProjectError as error:
            # A check that is not in the table must not look like a finished one.
            result = replace(result, error=result.error or f"the check can't be stored: {error}")
        return result

    def groups(self) -> GroupCheck:
        """Compare whom the last full month suspected with the month before it.

        Raises:
            ProjectError: it is unknown.
        """
        settings = self.settings
        policy = GroupPolicy(settings.drift_alpha, settings.drift_min_samples, settings.gate_review_capacity)
        with self._connection() as connection:
            return check_groups(connection, self.today, policy, label_cutoff(self.today, settings.label_maturity_days))

    def claim(self, *, again: bool) -> Claim:
        """Ask for a retraining.

        Raises:
            ProjectError: there is no drift to retrain for, or this is unknown.
        """
        version = production_version(self._registry())
        bounds = Bounds(self.settings.drift_cooldown_days * DAY, self.settings.retrain_tries)
        with self._connection() as connection:
            return claim(connection, version, self.today, bounds, again=again)

    def give_back(self, why: str) -> Claim | None:
        """Give back the claim of a retraining that decided nothing; None where there is none.

        Raises:
            ProjectError: it is unknown.
        """
        version = production_version(self._registry())
        with self._connection() as connection:
            return give_back(connection, version, self.today, why)

    def rebuild(self, progress: Callable[[int, int], None]) -> int:
        """Make the roll-up again from the log, a day at a time; returns its rows.

        Raises:
            DatabaseError: PostgreSQL does not answer, or refuses.
        """
        with self._connection() as connection:
            days = logged_days(connection, dt.datetime.now(dt.UTC))
        rebuilt = 0
        for number, day in enumerate(days, 1):
            with self._connection() as connection:
                rebuilt += rebuild_day(connection, day)
            progress(number, len(days))
        return rebuilt

    def _compare(self, connection: Connection, version: ModelVersion, result: DriftResult, *, now: bool) -> DriftResult:
        settings = self.settings
        profile = load_profile(self._registry(), version)
        check_bins(connection, version, profile)
        plan = WindowPlan(
            today=self.today,
            cutoff=version.data_cutoff,
            days=settings.drift_window,
            own_only=settings.drift_own_version_only,
            label_maturity=settings.label_maturity_days * DAY,
            now=dt.datetime.now(dt.UTC) if now else None,
        )
        cutoff, known = label_cutoff(self.today, settings.label_maturity_days), known_before(self.today)
        training = TrainingData(settings.dsn(DatabaseRole.TRAINER), cutoff, known)
        check = Check(profile, self._policy(), plan, training.beyond)
        logged = LoggedApplications(connection, version, [len(variable.kinds) for variable in profile.variables], known)
        earlier = earlier_checks(connection, version)
        windows = []
        for name, span in plan.spans().items():
            seen = looks(connection, version, self.today, name) if name == TODAY_SO_FAR else None
            of_window = check if seen is None else check.after_looks(seen)
            windows.append(of_window.window(name, span, logged, earlier.get(name, ())))
        result = replace(result, windows=tuple(windows))
        if result.verdict is Verdict.INCONCLUSIVE and not now:
            result = replace(result, notes=_waiting_for_tomorrow(logged, plan))
        return result

    def _policy(self) -> DriftPolicy:
        settings = self.settings
        return DriftPolicy(
            alpha=settings.drift_alpha,
            psi_floor=settings.psi_threshold,
            psi_floors=settings.psi_thresholds,
            minimum_rows=settings.drift_min_samples,
        )

    def _wait_for_today(self) -> str | None:
        """See to it that what was answered today is counted; else a sentence on what may be lacking.

        Raises:
            DriftError: TODAY is another day.
        """
        running = dt.datetime.now(dt.UTC).date()
        if self.today != running:
            raise DriftError(f"--now checks {running}, the running day, but TODAY or --today says {self.today}")
        settings = self.settings
        if settings.admin_password is None:
            return "ADMIN_PASSWORD is not set, so no server was asked whether records wait for PostgreSQL"
        login = ADMIN_USER, settings.administrator_password()
        # One server after the other: records that waited on the first were answered before the others are asked.
        told = [wait_for_records(ServerMetrics(server, *login)) for server in settings.server_addresses()]
        return "; ".join(filter(None, told)) or None

    def _registry(self) -> Registry:
        return Registry(self.settings.tracking_uri(), self.settings.model_name, self.settings.registry_timeout_s)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with connect(self.settings.dsn(DatabaseRole.TRAINER), APPLICATION_NAME) as connection:
                read_version(connection)
                yield connection
        except psycopg2.Error as error:
            raise DatabaseError(f"PostgreSQL fails the drift monitor: {postgres_words(error)}") from error


def _waiting_for_tomorrow(logged: LoggedApplications, plan: WindowPlan) -> tuple[str, ...]:
    """A sentence on applications of the running day, which a check of full days does not look at."""
    number = logged.number(plan.running_day(dt.datetime.now(dt.UTC)), own_only=plan.own_only)
    if number == 0:
        return ()
    return (f"{number:,} of today are waiting: `python -m jenkins.drift check --now` checks them",)
