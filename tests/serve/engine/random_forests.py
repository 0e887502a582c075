"""Random forests of every shape, as XGBoost models: XGBoost itself says what the right answers are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from convert.booster_forest import read_forest
from convert.exporter import export, to_bytes
from convert.source import open_source
from tests.convert.small_models import edited, fit, trees_of

Matrix = NDArray[np.float32]

FLOAT32 = np.finfo(np.float32)
ODD_VALUES = np.array(
    [
        *(-np.inf, FLOAT32.min, -1.5, -FLOAT32.smallest_normal, -FLOAT32.smallest_subnormal, -0.0),
        *(0.0, FLOAT32.smallest_subnormal, FLOAT32.smallest_normal, 1.5, FLOAT32.max, np.inf, np.nan),
    ],
    dtype=np.float32,
)
NO_PARENT = 2147483647


@dataclass(frozen=True)
class Shape:
    """`stop` is the chance that a node above the depth is a leaf; `thresholds` is how many values a feature has."""

    trees: int
    depth: int
    stop: float = 0.0
    thresholds: int = 40
    leaf_scale: float = 0.2
    base_score: float = 0.3


@dataclass
class _Growth:
    """The arrays of one tree of XGBoost's document while it grows."""

    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    condition: list[float] = field(default_factory=list)
    default_left: list[int] = field(default_factory=list)


def grids(shape: Shape, generator: np.random.Generator) -> list[Matrix]:
    """The thresholds of each feature: few, so that trees share them, and some of them odd."""
    ordinary = generator.normal(0, 2, (10, shape.thresholds)).astype(np.float32)
    possible = ODD_VALUES[np.isfinite(ODD_VALUES)]
    replaced = generator.random(ordinary.shape) < 0.1
    ordinary[replaced] = generator.choice(possible, int(replaced.sum()))
    return list(ordinary)


def random_model(shape: Shape, seed: int) -> tuple[XGBClassifier, list[Matrix]]:
    """A model with hand-made trees, and the thresholds of each feature."""
    generator = np.random.default_rng(seed)
    cuts = grids(shape, generator)
    base = fit(n_estimators=shape.trees, max_depth=1, base_score=shape.base_score)

    def graft(learner: dict[str, Any]) -> None:
        for tree in trees_of(learner):
            _replace(tree, _grow(shape, cuts, generator))

    return edited(base, graft), cuts


def onnx_bytes(model: XGBClassifier) -> bytes:
    """The model as `convert` exports it, without its preconditions: trees that no training makes must be right too."""
    return to_bytes(export(read_forest(open_source(model))))


def fuzz_rows(cuts: list[Matrix], count: int, seed: int) -> Matrix:
    """Rows between the thresholds, on them, one float beside them, missing and odd; the first quarter has no NaN."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(0, 2, (count, 10)).astype(np.float32)
    for column, thresholds in enumerate(cuts):
        near = generator.random(count) < 0.5
        side = generator.choice(np.array([-np.inf, np.inf], dtype=np.float32), count)
        value = generator.choice(thresholds, count)
        with np.errstate(over="ignore"):
            value = np.where(generator.random(count) < 0.5, value, np.nextafter(value, side))
        rows[near, column] = value[near]
    odd = generator.random(rows.shape) < 0.08
    rows[odd] = generator.choice(ODD_VALUES, int(odd.sum()))
    quarter = rows[: count // 4]
    quarter[np.isnan(quarter)] = 0
    return rows


def _grow(shape: Shape, cuts: list[Matrix], generator: np.random.Generator) -> _Growth:
    """Level by level: XGBoost takes the node after a left child for the right one."""
    growth = _Growth()
    pending = [(NO_PARENT, 0)]
    for number, (parent, depth) in enumerate(pending):
        feature = int(generator.integers(10))
        leaf = depth == shape.depth or generator.random() < shape.stop
        value = generator.normal(0, shape.leaf_scale) if leaf else generator.choice(cuts[feature])
        growth.left.append(-1 if leaf else len(pending))
        growth.right.append(-1 if leaf else len(pending) + 1)
        growth.parent.append(parent)
        growth.feature.append(0 if leaf else feature)
        growth.condition.append(float(np.float32(value)))
        growth.default_left.append(0 if leaf else int(generator.integers(2)))
        if not leaf:
            pending += [(number, depth + 1)] * 2
    return growth


def _replace(tree: dict[str, Any], growth: _Growth) -> None:
    count = len(growth.left)
    tree |= {
        "left_children": growth.left,
        "right_children": growth.right,
        "parents": growth.parent,
        "split_indices": growth.feature,
        "split_conditions": growth.condition,
        "default_left": growth.default_left,
        "split_type": [0] * count,
        **{name: [0.0] * count for name in ("base_weights", "loss_changes", "sum_hessian")},
    }
    tree["tree_param"] |= {"num_nodes": str(count), "num_deleted": "0"}
