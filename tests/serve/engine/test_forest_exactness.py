"""Differential fuzz: the forest kernel, in each of its ways, and ONNX Runtime against XGBoost.

Log-odds bit for bit, probabilities within 1e-6 of each, relative.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xgboost import XGBClassifier

from serve.engine.compilation import compile_code
from serve.engine.forest_kernel import ForestKernel
from serve.engine.onnx_forest import read_forest
from serve.engine.onnx_kernel import OnnxKernel, open_margin_session
from tests.convert.small_models import applications, divorces
from tests.serve.engine.random_forests import Matrix, Shape, fuzz_rows, onnx_bytes, random_model

# Three blocks of each size and a remainder.
FUZZ_ROWS = 1_700


def assert_exact(model: XGBClassifier, exported: bytes, rows: Matrix) -> ForestKernel:
    margins = model.predict(rows, output_margin=True) + np.float32(0)
    probabilities = model.predict_proba(rows)[:, 1].astype(np.float64)
    kernel = ForestKernel(read_forest(exported), compile_code(None))
    found = np.full(len(rows), np.nan, dtype=np.float32)
    for way in kernel.ways:
        kernel.score_by(way, rows, found, margins=True)
        np.testing.assert_array_equal(
            (found + np.float32(0)).view(np.uint32), margins.view(np.uint32), err_msg=f"way {way}"
        )
        kernel.score_by(way, rows, found)
        np.testing.assert_allclose(found, probabilities, rtol=1e-6, atol=0, err_msg=f"way {way}")
    session = open_margin_session(exported)
    by_onnx = session.run(None, {"features": rows})[0].ravel() + np.float32(0)
    np.testing.assert_array_equal(by_onnx.view(np.uint32), margins.view(np.uint32))
    OnnxKernel(Path("model.onnx"), exported).score_into(rows, found)
    np.testing.assert_allclose(found, probabilities, rtol=1e-6, atol=0)
    return kernel


SHAPES = [
    *(pytest.param(Shape(7, depth), id=f"full trees of depth {depth}") for depth in range(1, 11)),
    *(pytest.param(Shape(9, depth, stop=0.25), id=f"ragged trees of depth {depth}") for depth in range(2, 13)),
    pytest.param(Shape(1, 3), id="one tree"),
    pytest.param(Shape(5, 0), id="single leaves"),
    pytest.param(Shape(40, 5, stop=0.5), id="leaves, stumps and deeper trees mixed"),
    pytest.param(Shape(30, 4, thresholds=1), id="every split of a feature has the same threshold"),
    pytest.param(Shape(20, 9, thresholds=2_000), id="more distinct tests than a group holds"),
    pytest.param(Shape(8, 3, leaf_scale=60.0), id="probabilities at the clamp"),
    pytest.param(Shape(8, 3, leaf_scale=1e-40), id="denormal leaves"),
    pytest.param(Shape(8, 3, leaf_scale=0.0), id="leaves of zero, signs mixed"),
    pytest.param(Shape(6, 4, base_score=1e-7), id="a tiny base score"),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_hand_made_forests(shape: Shape, seed: int) -> None:
    model, cuts = random_model(shape, seed)
    assert_exact(model, onnx_bytes(model), fuzz_rows(cuts, FUZZ_ROWS, seed))


@pytest.mark.parametrize("seed", range(12))
def test_trained_forests(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = applications(4_000, seed=seed, missing=float(generator.choice([0.0, 0.1])))
    model = XGBClassifier(
        n_estimators=int(generator.integers(1, 60)),
        max_depth=int(generator.integers(1, 11)),
        learning_rate=float(generator.choice([0.05, 0.3, 2.0])),
        min_child_weight=float(generator.choice([0.1, 1.0, 20.0])),
        gamma=float(generator.choice([0.0, 1.0])),
        tree_method=str(generator.choice(["hist", "exact", "approx"])),
        n_jobs=1,
    ).fit(rows, divorces(rows, seed=seed))
    assert_exact(model, onnx_bytes(model), applications(2_100, seed=100 + seed, missing=0.1))


def test_trees_too_deep_for_blocks_are_walked() -> None:
    model, cuts = random_model(Shape(3, 16, stop=0.2), 2)
    assert assert_exact(model, onnx_bytes(model), fuzz_rows(cuts, FUZZ_ROWS, 0)).ways == (1,)


def test_the_fuzz_covers_what_it_says() -> None:
    model, cuts = random_model(Shape(30, 4, stop=0.3), 0)
    rows = fuzz_rows(cuts, FUZZ_ROWS, 0)
    trees = read_forest(onnx_bytes(model)).trees
    heights = {int(tree.heights()[0]) for tree in trees}
    assert {0, 1, 4} <= heights, "leaves, stumps and full depth"
    assert any(tree.missing_left[tree.splits].any() and not tree.missing_left[tree.splits].all() for tree in trees)
    assert np.isnan(rows).any()
    assert np.isinf(rows).any()
    assert (np.abs(rows[(rows != 0) & np.isfinite(rows)]) < np.finfo(np.float32).smallest_normal).any()
    assert all(np.isin(cut, rows[:, column]).any() for column, cut in enumerate(cuts))
