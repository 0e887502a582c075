"""Probabilities of a registered version, from its own file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.gate.errors import ProbabilityError
from fraud.registry import MODEL_FILE, ModelVersion, Registry
from serve.engine import EngineOptions, ModelFile, load


def registered_probabilities(registry: Registry, version: ModelVersion, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score applications [N, 10] with the version's `model.onnx` -> [N].

    The file is fetched from the registry and its SHA-256 compared; ONNX Runtime runs it, which is what every other
    engine of the server was proved equal to.

    Raises:
        RegistryError: the registry does not answer, or holds another file than was registered.
        EngineError: the file is not a model that the server could load.
        ProbabilityError: the model gives something else than probabilities.
    """
    model = ModelFile.of(Path(MODEL_FILE), registry.fetch_model(version))
    with closing(load(model, EngineOptions())) as engine:
        probabilities = engine.score(x)
    wrong = int((~((probabilities >= 0) & (probabilities <= 1))).sum())
    if wrong:
        raise ProbabilityError(
            f"version {version.version} of {version.name} gives no probability between 0 and 1 for {wrong:,} of "
            f"{probabilities.size:,} applications: don't promote it, train again"
        )
    return probabilities
