"""The monitor's works, from settings to what is written: check, claim, give back, rebuild."""

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
from fraud.registry import ModelVersion, Registry
from fraud.schema_version import read_version
from fraud.settings import DatabaseRole, Settings
from jenkins.drift.check import Check, WindowPlan
from jenkins.drift.checks_table import earlier_checks, store
from jenkins.drift.claims import Bounds, Claim, claim, give_back
from jenkins.drift.logged_applications import LoggedApplications
from jenkins.drift.policy import DriftPolicy
from jenkins.drift.rebuild import logged_days, rebuild_day
from jenkins.drift.reference import check_bins, load_profile, production_version
from jenkins.drift.result import DriftResult

APPLICATION_NAME: Final = "drift"
DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Monitor:
    """Checks the version in production as of a day."""

    settings: Settings
    today: dt.date

    def check(self) -> DriftResult:
        """Check, and write the check down; a fault that its reader can mend is in the result."""
        started, started_s = dt.datetime.now(dt.UTC), time.monotonic()
        result = DriftResult(self.settings.model_name, None, started, seconds=0.0)
        version = None
        try:
            version = production_version(self._registry())
            result = replace(result, model_version=version.version)
            with self._connection() as connection:
                result = self._compare(connection, version, result)
        except ProjectError as error:
            result = replace(result, windows=(), error=str(error))
        result = replace(result, seconds=time.monotonic() - started_s)
        try:
            with self._connection() as connection:
                store(connection, result, version, self.today)
        except ProjectError as error:
            # What nobody finds in the table must not look like a check that was made.
            result = replace(result, error=result.error or f"the check can't be written down: {error}")
        return result

    def claim(self, *, again: bool) -> Claim:
        """Ask for a retraining.

        Raises:
            ProjectError: there is no drift to retrain for, or it can't be told.
        """
        version = production_version(self._registry())
        bounds = Bounds(self.settings.drift_cooldown_days * DAY, self.settings.retrain_tries)
        with self._connection() as connection:
            return claim(connection, version, self.today, bounds, again=again)

    def give_back(self, why: str) -> Claim | None:
        """Give back the claim of a retraining that decided nothing; None where there is none.

        Raises:
            ProjectError: it can't be told.
        """
        version = production_version(self._registry())
        with self._connection() as connection:
            return give_back(connection, version, self.today, why)

    def rebuild(self, progress: Callable[[int, int], None]) -> int:
        """Make the roll-up anew from the log, a day at a time; gives its rows.

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

    def _compare(self, connection: Connection, version: ModelVersion, result: DriftResult) -> DriftResult:
        settings = self.settings
        profile = load_profile(self._registry(), version)
        check_bins(connection, version, profile)
        plan = WindowPlan(
            today=self.today,
            cutoff=version.data_cutoff,
            days=settings.drift_window,
            own_only=settings.drift_own_version_only,
            label_maturity=settings.label_maturity_days * DAY,
        )
        policy = DriftPolicy(
            alpha=settings.drift_alpha,
            psi_floor=settings.psi_threshold,
            psi_floors=settings.psi_thresholds,
            minimum_rows=settings.drift_min_samples,
        )
        check = Check(profile, settings.drift_reference == "training", policy, plan)
        logged = LoggedApplications(connection, version, [len(variable.kinds) for variable in profile.variables])
        earlier = earlier_checks(connection, version)
        windows = [check.window(name, span, logged, earlier.get(name, ())) for name, span in plan.spans().items()]
        return replace(result, windows=tuple(windows))

    def _registry(self) -> Registry:
        return Registry(self.settings.tracking_uri(), self.settings.model_name, self.settings.registry_timeout_s)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with connect(self.settings.dsn(DatabaseRole.TRAINER), APPLICATION_NAME) as connection:
                read_version(connection)
                yield connection
        except psycopg2.Error as error:
            reason = str(error).partition("\n")[0]
            raise DatabaseError(f"PostgreSQL fails the drift monitor: {reason}") from error
