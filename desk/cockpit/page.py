"""`/`: how the service is, for whoever runs or audits it; for the anonymous one line and a login."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from psycopg2.extensions import connection as Connection
from starlette.responses import Response

from desk.cockpit.checks import newest_checks
from desk.cockpit.counters import Counters
from desk.cockpit.versions import PlayingVersion
from desk.rendering import render
from desk.reports.pages import SHOWN_TO
from desk.visits import Page, Visit
from fraud.errors import RegistryError
from fraud.review_policy import PolicyError, SignedPolicy, in_force, signed_policies
from fraud.review_policy_table import read_journal


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
        if visit.person is None or not SHOWN_TO & visit.person.roles:
            return render("front.html", visit)
        versions, registry_fault = self._versions()
        policy, policy_fault = _policy(visit.connection)
        return render(
            "cockpit.html",
            visit,
            model_name=self._model_name,
            versions=versions,
            checks=newest_checks(visit.connection, self._model_name),
            counters=self._read_counters(),
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


def _policy(connection: Connection) -> tuple[SignedPolicy | None, str]:
    try:
        policies = signed_policies(read_journal(connection))
    except PolicyError as error:
        return None, str(error)
    return in_force(policies, dt.datetime.now(dt.UTC)), ""
