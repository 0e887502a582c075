"""The files of a version, written to a folder that is then uploaded as it is."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import onnx
from xgboost import XGBClassifier

from convert import Conversion
from fraud.features import FEATURE_COUNT
from fraud.reference_profile import PROFILE_FILE, ReferenceProfile
from fraud.registry import CONTRIBUTIONS_FILE, MODEL_FILE, TWIN_FOLDER
from train import plots
from train.agreement import Agreement
from train.model_card import model_card
from train.training import Training

if TYPE_CHECKING:
    from mlflow.types import ColSpec, TensorSpec

NATIVE_FILE: Final = "model.ubj"
"""The model as XGBoost writes it."""
PARITY_FILE: Final = "parity.json"
SEARCH_FILE: Final = "search.json"
"""What the search tried."""
RUNTIME_PACKAGES: Final = ("numpy", "onnx", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Conversions:
    """Both models of a version in the form that is served."""

    shipped: Conversion
    twin: Conversion


def write_files(
    folder: Path, training: Training, conversions: Conversions, profile: ReferenceProfile, agreed: Agreement
) -> None:
    """Fill `folder`: the shipped model's `model.onnx` with MLflow's description of it, `contributions.msgpack`,
    `model.ubj`, `parity.json` and `reference_profile.json`; the judged twin's under `twin/`; `search.json`, plots and
    `model_card.md`.

    None of them is a pickle, and none needs one to be read.
    """
    write_model(folder, training.shipped.classifier, conversions.shipped, profile)
    _write_twin(folder / TWIN_FOLDER, training.twin.classifier, conversions.twin)
    (folder / SEARCH_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(training.trials)))
    card = model_card(training, conversions.shipped.parity, conversions.twin.parity, agreed)
    (folder / "model_card.md").write_text(card, encoding="utf-8")
    figures = folder / "plots"
    figures.mkdir()
    test = training.split.test
    plots.precision_recall_plot(
        figures / "precision_recall.png", test, training.twin_test_probabilities, training.twin_on_test
    )
    plots.reliability_plot(figures / "calibration.png", training.cross_fitted)
    plots.importance_plot(figures / "feature_importance.png", training.shipped.classifier)
    if training.trials:
        plots.search_plot(figures / "search.png", training.trials)


def write_model(folder: Path, classifier: XGBClassifier, conversion: Conversion, profile: ReferenceProfile) -> None:
    """Fill `folder` with what serving, proving and comparing need: the first five of `write_files`."""
    _write_onnx(folder, conversion)
    if conversion.contributions is not None:
        (folder / CONTRIBUTIONS_FILE).write_bytes(conversion.contributions)
    classifier.get_booster().save_model(folder / NATIVE_FILE)
    (folder / PARITY_FILE).write_text(conversion.parity.to_json(), encoding="utf-8")
    (folder / PROFILE_FILE).write_bytes(profile.to_json())


def _write_twin(folder: Path, classifier: XGBClassifier, conversion: Conversion) -> None:
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(conversion.model)
    classifier.get_booster().save_model(folder / NATIVE_FILE)
    (folder / PARITY_FILE).write_text(conversion.parity.to_json(), encoding="utf-8")


def _write_onnx(folder: Path, conversion: Conversion) -> None:
    """Write the model in MLflow's ONNX format, which `mlflow models serve` reads, with exactly the proven bytes."""
    import mlflow.onnx  # noqa: PLC0415 - takes seconds
    from mlflow.models import ModelSignature  # noqa: PLC0415 - takes a second
    from mlflow.types import Schema, TensorSpec  # noqa: PLC0415 - takes a second

    model = onnx.load_model_from_string(conversion.model)
    single = np.dtype(np.float32)
    inputs: list[ColSpec | TensorSpec] = [TensorSpec(single, (-1, FEATURE_COUNT), model.graph.input[0].name)]
    outputs: list[ColSpec | TensorSpec] = [TensorSpec(single, (-1,), model.graph.output[0].name)]
    mlflow.onnx.save_model(
        model,
        folder,
        # Given, or MLflow would load the model in a child process to find out.
        pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in RUNTIME_PACKAGES],
        signature=ModelSignature(Schema(inputs), Schema(outputs)),
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )
    # MLflow has parsed and serialised the model; protobuf does not promise the same bytes again.
    (folder / MODEL_FILE).write_bytes(conversion.model)
