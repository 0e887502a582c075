"""A registered version as servers run it: by each of the engine's kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.gate.errors import ProbabilityError
from fraud.registry import MODEL_FILE, ModelVersion, Registry
from serve.engine import Engine, EngineKind, EngineOptions, ModelFile, load_checked
from serve.engine.contributions import Contributions, load_contributions
from serve.engine.errors import ForestUnavailableError

PLAN_BUDGET_S: Final = 0.2
"""A kernel alone has little to choose."""


@dataclass(frozen=True, slots=True)
class VersionEngines:
    """One version, loaded and checked as a server does it.

    A server takes for each request the kernel that is the fastest for as many rows. Kernels give the same log-odds, bit
    for bit, and round exp differently: an answer is right to the bit if one of them returns it.
    """

    version: ModelVersion
    engines: tuple[Engine, ...]
    """One for each kernel that can run it, the fastest first; never none."""
    contributions: Contributions | None
    """None for a version that was registered without."""

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities [N] of rows [N, F].

        Raises:
            ProbabilityError: the model returns something else.
        """
        probabilities = self.engines[0].score(x)
        wrong = int((~((probabilities >= 0) & (probabilities <= 1))).sum())
        if wrong:
            raise ProbabilityError(
                f"version {self.version.version} of {self.version.name} returns no probability between 0 and 1 for "
                f"{wrong:,} of {probabilities.size:,} logged applications: don't promote it, train again"
            )
        return probabilities

    def score_otherwise(self, x: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """What its other kernels give for rows [N, F]."""
        for engine in self.engines[1:]:
            yield engine.score(x)


@contextmanager
def opened(registry: Registry, version: ModelVersion, options: EngineOptions) -> Iterator[VersionEngines]:
    """Load a version from the registry for the block.

    Raises:
        RegistryError: the registry does not answer, or holds other files than were registered.
        EngineError, GoldenRowsError: no server would load it.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))  # plans are kept beside a model
        model = ModelFile.of(folder / MODEL_FILE, registry.fetch_model(version))
        engines = [
            stack.enter_context(closing(engine))
            for engine in _engines(model, replace(options, plan_budget_s=PLAN_BUDGET_S))
        ]
        tables = registry.fetch_contributions(version)
        contributions = None if tables is None else load_contributions(tables, model, options)
        yield VersionEngines(version, tuple(engines), contributions)


def _engines(model: ModelFile, options: EngineOptions) -> Iterator[Engine]:
    with suppress(ForestUnavailableError):  # then a server has ONNX Runtime alone, too
        yield load_checked(model, replace(options, kind=EngineKind.FOREST))
    yield load_checked(model, replace(options, kind=EngineKind.ONNXRUNTIME))
