"""`/`: the state of the service, for operators and auditors; for anonymous visitors one line and a login."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus

from psycopg2.extensions import connection as Connection
from starlette.responses import RedirectResponse, Response

from desk.cockpit.alerts import alerts
from desk.cockpit.checks import newest_checks
from desk.cockpit.counters import Counters
from desk.cockpit.schedule import scheduled_tasks
from desk.cockpit.traffic import HOUR, WEEK, read_traffic
from desk.cockpit.versions import PARTS, PlayingVersion
from desk.operate.acts import Act
from desk.operate.pages import OPERATORS
from desk.rendering import render
from desk.reports.pages import SHOWN_TO
from desk.visits import Page, Visit
from fraud.errors import RegistryError
from fraud.model_changes import ModelChange, list_changes
from fraud.registry import PRODUCTION
from fraud.review_policy import PolicyError, SignedPolicy, in_force, signed_policies
from fraud.review_policy_table import read_journal
from serve.cases.work import OFFICERS


class Cockpit:
    """The page; it takes what it shows from where that is kept."""

    def __init__(
        self,
        model_name: str,
        read_versions: Callable[[], list[PlayingVersion]] | None,
        read_counters: Callable[[], Counters],
    ) -> None:
        """`read_versions` asks the registry; None: there is none."""
        self._model_name = model_name
        self._read_versions = read_versions
        self._read_counters = read_counters

    def page(self) -> Page:
        """Its address."""
        return Page("/", self._show)

    def _show(self, visit: Visit) -> Response:
        if visit.person is None:
            return render("front.html", visit)
        if not SHOWN_TO & visit.person.roles:
            is_officer = bool(OFFICERS & visit.person.roles)
            return RedirectResponse("/desk", HTTPStatus.SEE_OTHER) if is_officer else render("front.html", visit)
        versions, registry_fault = self._versions()
        policy, policy_fault = _policy(visit.connection)
        connection = visit.connection
        checks, counters = newest_checks(connection, self._model_name), self._read_counters()
        tasks, last_hour = scheduled_tasks(connection), read_traffic(connection, HOUR)
        alerts_now = alerts(checks, counters, last_hour, tasks, dt.datetime.now(dt.UTC))
        return render(
            "cockpit.html",
            visit,
            model_name=self._model_name,
            versions=versions,
            since=_since(connection, self._model_name, versions),
            checks=checks,
            counters=counters,
            traffic={"the last hour": last_hour, "the last week": read_traffic(connection, WEEK)},
            tasks=tasks,
            alerts=alerts_now,
            acts=list(Act) if OPERATORS & visit.person.roles else [],
            policy=policy,
            faults=[fault for fault in (registry_fault, policy_fault) if fault],
        )

    def _versions(self) -> tuple[list[PlayingVersion], str]:
        """None of them, and why, where the registry does not answer: all else is shown even so."""
        if self._read_versions is None:
            return [], "No registry is set: MLFLOW_TRACKING_URI names it."
        try:
            return self._read_versions(), ""
        except RegistryError as error:
            return [], f"The registry does not answer: {error}"


def _since(connection: Connection, model_name: str, versions: list[PlayingVersion]) -> ModelChange | None:
    """How the version in production came there; None where that is not on record."""
    last = next(iter(list_changes(connection, model_name, 1)), None)
    is_there = any(
        one.part == PARTS[PRODUCTION] and last is not None and one.version == last.version for one in versions
    )
    return last if is_there else None


def _policy(connection: Connection) -> tuple[SignedPolicy | None, str]:
    try:
        policies = signed_policies(read_journal(connection))
    except PolicyError as error:
        return None, str(error)
    return in_force(policies, dt.datetime.now(dt.UTC)), ""
