"""Contributions of seven features, one of which may be missing: nothing counts on ten.

The features are those of the process, so this runs in another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

EXPLAIN = """
from pathlib import Path

import pytest
import numpy as np
from xgboost import DMatrix, XGBClassifier
from convert import convert
from serve.engine import EngineKind, EngineOptions, ModelFile
from serve.engine.contributions import load_contributions

generator = np.random.default_rng(0)
rows = generator.lognormal(1, 1, (2_000, 7)).astype(np.float32)
rows[generator.random(2_000) < 0.3, 0] = np.nan
labels = (np.nan_to_num(rows[:, 0]) + rows[:, 6] + generator.normal(0, 3, 2_000) > 6).astype(int)
model = XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1).fit(rows, labels)
converted = convert(model, rows, minimum_rows=len(rows))
found = load_contributions(
    converted.contributions, ModelFile.of(Path("model.onnx"), converted.model), EngineOptions(kind=EngineKind.FOREST)
)
expected = model.get_booster().predict(DMatrix(rows), pred_contribs=True)
effects = found.effects(rows)
assert effects.shape == (2_000, 7), effects.shape
np.testing.assert_allclose(effects, expected[:, :7], rtol=0, atol=1e-6 * np.abs(expected).max())
np.testing.assert_allclose(found.base, expected[0, 7], rtol=0, atol=1e-6)
"""


@pytest.mark.long
def test_contributions_follow_another_declaration() -> None:
    declared = {"FEATURES_FILE": str(ROOT / "tests" / "seven_features.toml")}
    done = subprocess.run(
        [sys.executable, "-c", EXPLAIN],
        env=os.environ | declared,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
