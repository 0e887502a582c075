"""Fits the folds of the search as tasks of a Ray cluster: Ray places them, and runs them again where a node is lost.

The applications are put into Ray's object store once. A node fetches them once, and all its processes read the same
copy. A task is told a recipe and a fold's borders, and answers with a curve of a few numbers, which is to the bit that
of any other process with the same versions on the same kind of processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from train.dataset import Dataset
from train.fold_fits import Curve, CurveOf, fold_curve
from train.recipe import Recipe
from train.split import Fold

LOST_MAX: Final = 8
"""How often a fit may be lost: more are no failing node, but a fit that kills its process."""


def curves_on(ray: Any, known: Dataset, folds: Sequence[Fold], seed: int) -> CurveOf:
    """Fits recipes on the folds of `known` on a cluster, one core each; whoever calls it waits for the answer."""
    # Attributes are for examining models; as objects they could not be shared by processes.
    shared = ray.put(replace(known, attributes={}, provenance=None))
    task = ray.remote(num_cpus=1, max_retries=LOST_MAX)(_curve)
    borders = [(fold.past.y.size, fold.past.y.size + fold.block.y.size) for fold in folds]

    def curve(recipe: Recipe, number: int) -> Curve:
        found: Curve = ray.get(task.remote(shared, *borders[number], recipe, seed))
        return found

    return curve


def _curve(known: Dataset, begin: int, end: int, recipe: Recipe, seed: int) -> Curve:
    """Of the fold whose block has the rows from `begin` to `end`."""
    return fold_curve(recipe, Fold(known.part(slice(0, begin)), known.part(slice(begin, end))), seed)
