"""The model that every server answers with: one XGBoost file, and the ONNX file made from it for ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster

from bench.experiments.engines.models import SEED, SIZES, make_models
from bench.experiments.peers.forms import Rows
from convert import convert
from convert.source import load_classifier
from convert.xgboost_parity import MINIMUM_ROWS
from serve.engine.sample_rows import ordinary_rows


@dataclass(frozen=True, slots=True)
class SharedModel:
    """Two files with the same trees, and XGBoost's own answers."""

    title: str
    native: Path
    onnx: Path
    booster: Booster

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """XGBoost's answers, [N]."""
        return np.asarray(self.booster.inplace_predict(rows.astype(np.float32)), dtype=np.float64)


def share_model(given: Path | None, folder: Path) -> SharedModel:
    """Write both files into `folder`: of a `given` XGBoost classifier, or of one that is trained here.

    Raises:
        ConversionError: the file is no model that `convert` takes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if given is None:
        made = next(iter(make_models(folder, SIZES[:1])))
        booster, onnx, title = made.booster, made.path, made.size.title
    else:
        classifier = load_classifier(given)
        booster, onnx = classifier.get_booster(), folder / "model.onnx"
        rows = ordinary_rows(MINIMUM_ROWS, np.random.default_rng(SEED))
        onnx.write_bytes(convert(classifier, rows).model)
        title = f"{given.name}: {booster.num_boosted_rounds()} trees"
    native = folder / "model.ubj"
    booster.save_model(native)
    booster.set_param("nthread", 1)
    return SharedModel(title, native, onnx, booster)
