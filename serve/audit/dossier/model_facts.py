"""Facts about the version that answered: from the registry, and from the gate's report that admitted it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_NAMES
from fraud.registry import EXCLUDED_TAG, GATE_VERDICT_TAG, ModelVersion, Registry
from fraud.report.stored import gate_report_of
from serve.audit.dossier.document import Audience, GateVerdict, ModelFacts
from serve.audit.errors import AuditError

CARD: Final = "model_card.md"


class _Gate(msgspec.Struct):
    """The fields read from a gate's facts."""

    verdict: str
    reasons: list[str]


class ModelShelf:
    """A cache of versions' facts; each is fetched once."""

    def __init__(self, registry: Registry, connection: Connection) -> None:
        self._registry = registry
        self._connection = connection
        self._known: dict[int, tuple[ModelVersion, str]] = {}

    def facts(self, number: int, sha256: str, audience: Audience) -> ModelFacts:
        """The facts about a version that answered with this model.

        Raises:
            RegistryError: the registry does not answer.
            AuditError: the registry has another model under that number.
        """
        if number not in self._known:
            version = self._registry.model_version(number)
            self._known[number] = version, self._card(version)
        version, card = self._known[number]
        if version.sha256 != sha256:
            raise AuditError(f"version {number} of the registry is another model than the one that answered ({sha256})")
        excluded = set(version.tags.get(EXCLUDED_TAG, "").split(","))
        return ModelFacts(
            name=version.name,
            version=number,
            sha256=version.sha256,
            data_cutoff=version.data_cutoff,
            features=[name for name in FEATURE_NAMES if name not in excluded],
            gate=gate_verdict(self._connection, version),
            gate_verdict_of_registry=version.tags.get(GATE_VERDICT_TAG),
            card_sha256=hashlib.sha256(card.encode()).hexdigest(),
            card=card if audience is Audience.COURT else None,
        )

    def _card(self, version: ModelVersion) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return self._registry.download_file(version, CARD, Path(folder)).read_text(encoding="utf-8")


def gate_verdict(connection: Connection, version: ModelVersion) -> GateVerdict | None:
    """The verdict of a version's newest gate; None if there is no report of it."""
    found = gate_report_of(connection, version.name, version.version)
    if found is None:
        return None
    number, stored = found
    report = stored.report
    gate = msgspec.json.decode(report.facts, type=_Gate)
    return GateVerdict(number, report.made_at, report.verdict, report.sha256.hex(), stored.is_unchanged, gate.reasons)
