"""Model versions of recorded answers, fetched from the registry and verified as by a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fraud.registry import MODEL_FILE, Registry
from serve.audit.errors import AuditError
from serve.engine import EngineOptions, ModelFile, load
from serve.engine.contributions import Contributions, load_contributions
from serve.engine.engine import Matrix, Probabilities


@dataclass(frozen=True, slots=True)
class AnsweringVersion:
    """A version, to score and explain applications again."""

    contributions: Contributions
    score: Callable[[Matrix], Probabilities]
    """ONNX Runtime, to which the server's own code is bit-equal in log-odds; it needs no compilation."""


class AnsweringVersions:
    """Fetches each version once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[tuple[int, str], AnsweringVersion | None] = {}

    def __call__(self, version: int, sha256: str) -> AnsweringVersion | None:
        """The version with this model; None if it was registered without tables of contributions.

        Raises:
            RegistryError: the registry does not answer, or its files are not the registered ones.
            EngineError: they are not a model, or don't explain it.
            AuditError: the version is not the model that answered.
        """
        if (version, sha256) not in self._found:
            self._found[version, sha256] = self._load(version, sha256)
        return self._found[version, sha256]

    def _load(self, number: int, sha256: str) -> AnsweringVersion | None:
        version = self._registry.model_version(number)
        if version.sha256 != sha256:
            raise AuditError(
                f"version {number} of the registry has SHA-256 {version.sha256}, and {sha256} answered: it is another "
                f"model, so MLFLOW_TRACKING_URI or MODEL_NAME is not the server's"
            )
        tables = self._registry.fetch_contributions(version)
        if tables is None:
            return None
        model = ModelFile.of(Path(MODEL_FILE), self._registry.fetch_model(version))
        return AnsweringVersion(load_contributions(tables, model), load(model, EngineOptions()).score)
