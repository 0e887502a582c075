"""The versions that answered once, from the registry, verified as a server verifies them."""

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
    """What a version says of an application, once more."""

    contributions: Contributions
    score: Callable[[Matrix], Probabilities]
    """By ONNX Runtime, to which the server's own code is bit-equal in log-odds; nothing has to be compiled."""


class AnsweringVersions:
    """Fetches each version once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[tuple[int, str], AnsweringVersion | None] = {}

    def __call__(self, version: int, sha256: str) -> AnsweringVersion | None:
        """The version with this model; None where it was registered without what gives reasons.

        Raises:
            RegistryError: the registry does not answer, or its files are not those that were registered.
            EngineError: they are no model, or don't explain it.
            AuditError: the version is another model than the one that answered.
        """
        if (version, sha256) not in self._found:
            self._found[version, sha256] = self._load(version, sha256)
        return self._found[version, sha256]

    def _load(self, number: int, sha256: str) -> AnsweringVersion | None:
        version = self._registry.model_version(number)
        if version.sha256 != sha256:
            raise AuditError(
                f"version {number} of the registry has SHA-256 {version.sha256}, and {sha256} answered: it is another "
                "model, so MLFLOW_TRACKING_URI or MODEL_NAME name another registry than the server's"
            )
        tables = self._registry.fetch_contributions(version)
        if tables is None:
            return None
        model = ModelFile.of(Path(MODEL_FILE), self._registry.fetch_model(version))
        return AnsweringVersion(load_contributions(tables, model), load(model, EngineOptions()).score)
