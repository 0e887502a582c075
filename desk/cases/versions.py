"""What versions of the model say about a case: reasons of the one that answered, and what-if scores of production's."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.errors import ProjectError
from fraud.features import FEATURE_COUNT
from fraud.languages import ENGLISH
from fraud.registry import PRODUCTION, Registry

if TYPE_CHECKING:
    from serve.audit.answering_versions import AnsweringVersion, AnsweringVersions
    from serve.audit.reasons import ToldReason

logger = logging.getLogger(__name__)

OVERALL: Final = "test_positive_rate"
"""Metric of a version's run: how many divorced early of those that it was judged by."""
MOST_REASONS: Final = 3
"""For, and against."""


class Explained(msgspec.Struct, frozen=True):
    """What raises a score and what lowers it, the weightiest first."""

    raising: list[ToldReason]
    lowering: list[ToldReason]
    overall: float | None
    """Share that divorced early of all; None where the version does not say."""


class NotExplained(ProjectError):
    """A version can't be loaded, or has no reasons."""


class Versions:
    """Fetches each version once, when somebody looks at a case that it answered."""

    def __init__(self, registry: Registry | None) -> None:
        """None: no registry is set."""
        self._registry = registry
        self._fetching = threading.Lock()
        self._answering: AnsweringVersions | None = None
        self._overall: dict[int, float | None] = {}

    def explain(self, row: NDArray[np.float32], version: int, sha256: str) -> Explained:
        """Reasons for the answer about a row [F], as `serve.audit reasons` computes them.

        Raises:
            NotExplained: there are none.
        """
        from serve.audit.reasons import told  # noqa: PLC0415 - an engine takes memory that other pages don't need

        found = self._version(version, sha256)
        if len(row) != FEATURE_COUNT:
            raise NotExplained(f"its record has {len(row)} features, and {FEATURE_COUNT} are declared")
        (effects,) = found.contributions.effects(row[np.newaxis])
        order = np.argsort(-np.abs(effects), kind="stable")
        raising = order[effects[order] > 0][:MOST_REASONS]
        lowering = order[effects[order] < 0][:MOST_REASONS]
        return Explained(
            told(row, raising, effects[raising], ENGLISH),
            told(row, lowering, effects[lowering], ENGLISH),
            self._overall_of(version),
        )

    def score(self, row: NDArray[np.float32]) -> tuple[float, int]:
        """What the version in production says of a row [F], and its number; nothing of it goes on record.

        Raises:
            NotExplained: it can't be asked.
        """
        try:
            production = None if self._registry is None else self._registry.version_of(PRODUCTION)
        except ProjectError as error:
            raise NotExplained(f"the registry does not answer: {error}") from None
        if production is None:
            raise NotExplained("no version is in production")
        found = self._version(production.version, production.sha256)
        return float(found.score(row[np.newaxis])[0]), production.version

    def _version(self, version: int, sha256: str) -> AnsweringVersion:
        if self._registry is None:
            raise NotExplained("no registry is set: MLFLOW_TRACKING_URI names it")
        from serve.audit.answering_versions import AnsweringVersions  # noqa: PLC0415 - as above

        try:
            with self._fetching:
                if self._answering is None:
                    self._answering = AnsweringVersions(self._registry)
                found = self._answering(version, sha256)
        except ProjectError as error:
            logger.warning("version %d can't be asked about a case: %s", version, error)
            raise NotExplained(f"version {version} can't be asked: {error}") from None
        if found is None:
            raise NotExplained(f"version {version} was registered without tables of reasons")
        return found

    def _overall_of(self, version: int) -> float | None:
        if version not in self._overall and self._registry is not None:
            try:
                self._overall[version] = self._registry.metric(self._registry.model_version(version), OVERALL)
            except ProjectError:
                return None
        return self._overall.get(version)
