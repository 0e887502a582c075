"""Collects the evidence from the registry, reports, log, policies and cases, in their current state."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from psycopg2.extensions import connection as Connection

from fraud.features import FEATURES
from fraud.model_changes import list_changes
from fraud.registry import EXCLUDED_TAG, PRODUCTION, TEST_AP_TAG, ModelVersion, Registry
from fraud.report.kinds import CALLED
from fraud.report.stored import FoundReport, ReportKind, find_report, gate_report_of, newest_reports
from fraud.review_policy import in_force, signed_policies
from fraud.review_policy_table import read_journal
from fraud.schema_version import read_version
from serve.audit.dossier.model_facts import CARD
from serve.audit.errors import AuditError
from serve.audit.pack.evidence import Shelf
from serve.journal.table import CASE_EVENTS

MOST_CHANGES: Final = 1000

_COUNTS: Final = """
    SELECT (SELECT count(*) FROM public.prediction_chains),
        (SELECT coalesce(sum(sequence), 0) FROM public.prediction_chains),
        (SELECT count(*) FROM public.prediction_erasures), now()
"""
_CASES: Final = """
    SELECT state, decision, is_appeal, signed_by IS NOT NULL, count(*) FROM public.cases
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def collect(connection: Connection, registry: Registry, retention_months: int) -> Shelf:
    """Collect all available evidence.

    Raises:
        RegistryError: the registry does not answer.
        AuditError: there is no production version to document; or a report was changed.
        PolicyError: the journal of policies has an invalid signature.
    """
    shelf = Shelf()
    version = registry.version_of(PRODUCTION)
    if version is None:
        raise AuditError(f"{registry.model_name} has no version in production: promote one, then make the pack")
    shelf.know({"retention_months": retention_months})
    _add_version(shelf, registry, version)
    _add_features(shelf)
    _add_reports(shelf, connection, version)
    _add_policies(shelf, connection)
    _add_log(shelf, connection)
    changes = list_changes(connection, version.name, MOST_CHANGES)
    if changes:
        shelf.add_json("model_changes", "versions that came into production", changes)
        shelf.know({"changes": len(changes)})
    return shelf


def _add_version(shelf: Shelf, registry: Registry, version: ModelVersion) -> None:
    with tempfile.TemporaryDirectory() as folder:
        card = registry.download_file(version, CARD, Path(folder)).read_bytes()
    shelf.add("model_card", "model card", "md", card)
    shelf.add_json("version", "version in the registry", version)
    shelf.know(
        {
            "model": version.name,
            "version": version.version,
            "sha256": version.sha256,
            "data_cutoff": version.data_cutoff,
            "excluded": version.tags.get(EXCLUDED_TAG) or "none",
        }
    )
    if TEST_AP_TAG in version.tags:
        shelf.know({"average_precision": version.tags[TEST_AP_TAG]})


def _add_features(shelf: Shelf) -> None:
    shelf.add_json("features", "declaration of the features", FEATURES)
    shelf.know(
        {
            "feature_count": len(FEATURES),
            "features": ", ".join(feature.called for feature in FEATURES),
            "protected": ", ".join(feature.called for feature in FEATURES if feature.protected) or "none",
            "disputable": ", ".join(feature.called for feature in FEATURES if feature.disputable) or "none",
        }
    )


def _add_reports(shelf: Shelf, connection: Connection, version: ModelVersion) -> None:
    """Add the newest report of each kind; for the gate the one that admitted the version."""
    found: dict[str, tuple[int, FoundReport]] = {}
    for listed in newest_reports(connection):
        newest = find_report(connection, listed.number)
        if newest is not None and listed.kind in CALLED:
            found[listed.kind] = listed.number, newest
    gate = gate_report_of(connection, version.name, version.version)
    found.pop(ReportKind.GATE, None)
    if gate is not None:
        found[ReportKind.GATE] = gate
    for kind, (number, stored) in found.items():
        if not stored.is_unchanged:
            raise AuditError(f"report {number} was changed: restore it from a backup, then make the pack")
        report, called = stored.report, CALLED[ReportKind(kind)]
        address = f"/reports/{number}"
        shelf.add(kind, called, "html", report.page.encode(), address)
        shelf.know({f"{kind}_verdict": report.verdict, f"{kind}_at": f"{report.made_at:%Y-%m-%d %H:%M} UTC"})


def _add_policies(shelf: Shelf, connection: Connection) -> None:
    policies = signed_policies(read_journal(connection))
    if not policies:
        return
    shelf.add_json("policies", "signed review policies", policies)
    current = in_force(policies, _now(connection))
    if current is not None:
        terms = current.terms
        shelf.know({"policy": current.id, "threshold": terms.threshold, "control_share": f"{terms.control_share:.2%}"})
        shelf.know({"capacity": f"{terms.capacity:g}"})


def _add_log(shelf: Shelf, connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        ((chains, records, erasures, at),) = cursor.fetchall()
    counts = {"chains": chains, "records": int(records), "erasures": erasures}
    shelf.add_json("log", "counts of the record", {**counts, "at": at})
    shelf.know(counts)
    if read_version(connection) < CASE_EVENTS.since:
        return
    with connection.cursor() as cursor:
        cursor.execute(_CASES)
        names = ("state", "decision", "is_appeal", "has_second_signature", "cases")
        cases = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if cases:
        shelf.add_json("cases", "counts of cases", cases)
        shelf.know({"cases": sum(one["cases"] for one in cases)})


def _now(connection: Connection) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        ((now,),) = cursor.fetchall()
    return now
