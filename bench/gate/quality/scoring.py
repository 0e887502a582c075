"""Probabilities of a registered version, from its own files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.gate.errors import ProbabilityError
from fraud.registry import MODEL_FILE, TWIN_FOLDER, ModelVersion, Registry
from serve.engine import EngineOptions, ModelFile, load


def twin_probabilities(registry: Registry, version: ModelVersion, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score applications [N, 10] with the version's judged twin -> [N]: the model that has not seen the test part.

    The file is fetched from the registry and its SHA-256 compared; ONNX Runtime runs it, which is what every other
    engine of the server was proved equal to. For an earlier version it is the model that serves.

    Raises:
        RegistryError: the registry does not answer, or holds another file than was registered.
        EngineError: the file is not a model that the server could load.
        ProbabilityError: the model returns something else than probabilities.
    """
    name = MODEL_FILE if version.twin_sha256 is None else f"{TWIN_FOLDER}/{MODEL_FILE}"
    return _score(ModelFile.of(Path(name), registry.fetch_twin(version)), version, x)


def shipped_probabilities(registry: Registry, version: ModelVersion, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score applications [N, 10] with the model that serves -> [N]; errors are those of `twin_probabilities`.

    It may have seen the very rows: its probabilities say what it would answer, not how good it is.
    """
    return _score(ModelFile.of(Path(MODEL_FILE), registry.fetch_model(version)), version, x)


def _score(model: ModelFile, version: ModelVersion, x: NDArray[np.float32]) -> NDArray[np.float32]:
    with closing(load(model, EngineOptions())) as engine:
        probabilities = engine.score(x)
    wrong = int((~((probabilities >= 0) & (probabilities <= 1))).sum())
    if wrong:
        raise ProbabilityError(
            f"{model.path} of version {version.version} of {version.name} returns no probability between 0 and 1 for "
            f"{wrong:,} of {probabilities.size:,} applications: don't promote it, train again"
        )
    return probabilities
