"""`/history`: versions, average precision, drift and groups over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection
from starlette.responses import Response

from desk.history.heat_map import HeatMap, heat_map
from desk.history.line_chart import LineChart, line_chart
from desk.history.past import (
    GateResult,
    RealisedMonth,
    drift_by_month,
    gate_results,
    groups_by_month,
    realised_months,
)
from desk.rendering import render
from desk.reports.pages import SHOWN_TO
from desk.visits import Page, Visit
from fraud.errors import RegistryError
from fraud.model_changes import ModelChange, list_changes
from fraud.registry import GATE_VERDICT_TAG, TEST_AP_TAG, ModelVersion

MOST_CHANGES: Final = 60
PSI_BORDERS: Final = (0.02, 0.1, 0.25)
PSI_LEGEND: Final = ("below 0.02", "0.02 or more", "0.1 or more", "0.25 or more")
SHARE_BORDERS: Final = (0.05, 0.1, 0.2)
SHARE_LEGEND: Final = ("below 5%", "5% or more", "10% or more", "20% or more")


class ShownChange(msgspec.Struct, frozen=True):
    """A change of the version in production, with what the registry says of that version."""

    change: ModelChange
    gate_verdict: str
    average_precision: str


class History:
    """The page."""

    def __init__(self, model_name: str, read_versions: Callable[[], list[ModelVersion]] | None) -> None:
        """`read_versions` asks the registry for all of them; None: there is none."""
        self._model_name = model_name
        self._read_versions = read_versions

    def page(self) -> Page:
        """Its address."""
        return Page("/history", self._show, roles=SHOWN_TO)

    def _show(self, visit: Visit) -> Response:
        versions, fault = self._versions()
        realised = realised_months(visit.connection)
        changes = list_changes(visit.connection, self._model_name, MOST_CHANGES)
        return render(
            "history.html",
            visit,
            model_name=self._model_name,
            fault=fault,
            changes=[_shown(change, versions) for change in changes],
            precision=_precision(versions, gate_results(visit.connection), realised),
            drift=_drift(visit.connection, self._model_name),
            groups=_groups(visit.connection),
            realised=realised,
        )

    def _versions(self) -> tuple[Mapping[int, ModelVersion], str]:
        """By number; none of them, and why, where the registry does not answer."""
        if self._read_versions is None:
            return {}, "No registry is set: MLFLOW_TRACKING_URI names it."
        try:
            return {version.version: version for version in self._read_versions()}, ""
        except RegistryError as error:
            return {}, f"The registry does not answer: {error}"


def _shown(change: ModelChange, versions: Mapping[int, ModelVersion]) -> ShownChange:
    found = versions.get(change.version)
    tags = {} if found is None else found.tags
    figure = tags.get(TEST_AP_TAG, "")
    return ShownChange(change, tags.get(GATE_VERDICT_TAG, ""), f"{float(figure):.4f}" if figure else "")


def _precision(
    versions: Mapping[int, ModelVersion], gates: list[GateResult], months: Sequence[RealisedMonth]
) -> LineChart | None:
    expected = [
        (dt.datetime.combine(version.data_cutoff, dt.time(), dt.UTC), float(version.tags[TEST_AP_TAG]))
        for version in versions.values()
        if TEST_AP_TAG in version.tags
    ]
    realised = [(gate.at, gate.champion_ap) for gate in gates if gate.champion_ap is not None]
    candidates = [(gate.at, gate.candidate_ap) for gate in gates if gate.candidate_ap is not None]
    answered = [
        (dt.datetime.strptime(month.month, "%Y-%m").replace(tzinfo=dt.UTC), month.average_precision.estimate)
        for month in months
        if month.average_precision is not None
    ]
    series = {
        "expected: each version as it was trained": expected,
        "realised: the version in production, at a gate": realised,
        "the candidate, at the same gate": candidates,
        "realised: answers of a month": answered,
    }
    return line_chart("Average precision", series)


def _drift(connection: Connection, model_name: str) -> HeatMap | None:
    found = drift_by_month(connection, model_name)
    caption = "Largest PSI of each month's drift checks"
    return heat_map(caption, found, PSI_BORDERS, ".3f", PSI_LEGEND) if found else None


def _groups(connection: Connection) -> HeatMap | None:
    found = groups_by_month(connection)
    caption = "Share of each group that the model would have reviewed"
    return heat_map(caption, found, SHARE_BORDERS, ".1%", SHARE_LEGEND) if found else None
