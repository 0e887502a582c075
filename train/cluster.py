"""Where a training computes, beside its own machine: a Ray cluster, or nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fraud.ray_cluster import connected, cores_of
from train.dataset import Dataset
from train.fold_fits import CurveOf
from train.growing import Grow, grow
from train.ray_growing import NodesGrow
from train.ray_trials import curves_on
from train.split import Fold


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster that this process is connected to."""

    ray: Any
    cores: int
    """Folds that are fitted side by side in the search."""
    nodes: int | None
    """That grow the trees of a model together; None: this machine grows them alone."""

    def curves(self, known: Dataset, folds: Sequence[Fold], seed: int) -> CurveOf:
        """Fits recipes on the folds of `known`."""
        return curves_on(self.ray, known, folds, seed)

    @property
    def grow(self) -> Grow:
        """Grows the trees of the models that are judged and shipped."""
        return grow if self.nodes is None else NodesGrow(self.ray, self.nodes)


@contextmanager
def ray_cluster(address: str | None, nodes: int | None) -> Iterator[Cluster]:
    """Connect to a Ray cluster for the block.

    Args:
        address: HOST:PORT of its head; None: RAY_ADDRESS, or else one of this machine alone, for the block.
        nodes: as `Cluster` has them.

    Raises:
        ClusterError: there is no such cluster, or it lost too much of what ran on it.
    """
    with connected(address, "train") as ray:
        yield Cluster(ray, cores_of(ray), nodes)
