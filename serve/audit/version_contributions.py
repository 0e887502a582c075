"""What gives the reasons of a version that answered once, from the registry, verified as a server verifies it."""

from __future__ import annotations

from pathlib import Path

from fraud.registry import MODEL_FILE, Registry
from serve.audit.errors import AuditError
from serve.engine import ModelFile
from serve.engine.contributions import Contributions, load_contributions


class VersionContributions:
    """Fetches each version once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[tuple[int, str], Contributions | None] = {}

    def __call__(self, version: int, sha256: str) -> Contributions | None:
        """That of the version with this model; None where it was registered without.

        Raises:
            RegistryError: the registry does not answer, or its files are not those that were registered.
            EngineError: they don't explain the model.
            AuditError: the version is another model than the one that answered.
        """
        if (version, sha256) not in self._found:
            self._found[version, sha256] = self._load(version, sha256)
        return self._found[version, sha256]

    def _load(self, number: int, sha256: str) -> Contributions | None:
        version = self._registry.model_version(number)
        if version.sha256 != sha256:
            raise AuditError(
                f"version {number} of the registry has SHA-256 {version.sha256}, and {sha256} answered: it is another "
                "model, so MLFLOW_TRACKING_URI or MODEL_NAME name another registry than the server's"
            )
        tables = self._registry.fetch_contributions(version)
        if tables is None:
            return None
        return load_contributions(tables, ModelFile.of(Path(MODEL_FILE), self._registry.fetch_model(version)))
