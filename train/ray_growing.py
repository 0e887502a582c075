"""Grows the trees of one model on several nodes of a Ray cluster, each with its share of the applications.

XGBoost's own collective adds up what the nodes count, so that all of them grow the same trees. They are not those of
one machine to the bit: the candidates for splits come of quantiles that are merged from the shares, rows are drawn for
a tree within each share, and sums are added up in another order. Ray places the nodes' processes, brings them their
shares and notices which of them is lost. Then all begin again, with other nodes; the model is whole, or there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.errors import ClusterError
from train.dataset import Dataset
from train.growing import Seen, grow

ATTEMPTS: Final = 3
PLACE_S: Final = 10.0
"""Wait for cores, before it is asked again whether there are enough nodes at all."""
NOTICE_S: Final = 60.0
"""Ray notices later than its peers that a node is lost; a new attempt begins when it has, or after so long."""
STEP_S: Final = 3_600
"""Most that nodes wait for one another. That a node is lost is Ray's to find; this must only be longer than a step."""


@dataclass(frozen=True, slots=True)
class NodesGrow:
    """Grows trees as `train.growing.grow` does, on several nodes; the same number of nodes grows the same trees."""

    ray: Any
    nodes: int

    def __call__(
        self,
        parameters: Mapping[str, Any],
        trees: int,
        dataset: Dataset,
        weights: NDArray[np.float32] | None,
        seen: Seen,
    ) -> xgboost.Booster:
        """Grow trees; each node uses as many threads as the parameters say.

        Raises:
            ClusterError: there are too few nodes, or too many attempts have failed.
        """
        shares = [self.ray.put(share) for share in _shares(dataset, weights, self.nodes)]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._placed(parameters["n_jobs"]) as nodes:
                    return _booster(self._grown(nodes, shares, parameters, trees, seen))
            except self.ray.exceptions.RayError as error:
                is_ours = isinstance(error, self.ray.exceptions.RayTaskError)
                if is_ours and not isinstance(error.cause, xgboost.core.XGBoostError):
                    raise
                if attempt == ATTEMPTS:
                    told = str(error.cause if is_ours else error).partition("\n")[0]
                    raise ClusterError(f"{self.nodes} nodes failed {attempt} times to grow trees: {told}") from error
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _placed(self, threads: int) -> Iterator[list[Any]]:
        """An actor on each of this number of nodes, for the block."""
        from ray.util import placement_group, remove_placement_group  # noqa: PLC0415 - an optional extra
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy  # noqa: PLC0415

        group = placement_group([{"CPU": threads}] * self.nodes, strategy="STRICT_SPREAD")
        try:
            self._refuse_too_few(threads)
            while not group.wait(PLACE_S):
                self._refuse_too_few(threads)
            actor: Any = self.ray.remote(num_cpus=threads, max_restarts=0)(_Node)
            yield [
                actor.options(scheduling_strategy=PlacementGroupSchedulingStrategy(group, number)).remote()
                for number in range(self.nodes)
            ]
        finally:
            remove_placement_group(group)  # ends its actors

    def _refuse_too_few(self, threads: int) -> None:
        fit = sum(node["Alive"] and node["Resources"].get("CPU", 0) >= threads for node in self.ray.nodes())
        if fit < self.nodes:
            raise ClusterError(
                f"--nodes {self.nodes}: the Ray cluster has {fit} nodes of {threads} cores or more; expected as many "
                "nodes, or fewer --threads"
            )

    def _grown(
        self, nodes: list[Any], shares: list[Any], parameters: Mapping[str, Any], trees: int, seen: Seen
    ) -> list[bytes]:
        """The model of each node, as soon as all have theirs."""
        meeting = self.ray.get(nodes[0].meet.remote(self.nodes))
        # By their numbers nodes have the same rank each time, whoever arrives first.
        growing = [
            node.grow.remote({**meeting, "dmlc_task_id": f"{number:08}"}, share, dict(parameters), trees, seen)
            for number, (node, share) in enumerate(zip(nodes, shares, strict=True))
        ]
        waiting = growing
        while waiting:
            done, waiting = self.ray.wait(waiting)
            try:
                self.ray.get(done)
            except self.ray.exceptions.RayTaskError:
                # Where a node is lost its peers fail too, and tell of it first.
                if waiting:
                    self.ray.wait(waiting, num_returns=len(waiting), timeout=NOTICE_S)
                raise
        models: list[bytes] = self.ray.get(growing)
        return models


@dataclass(frozen=True, slots=True)
class _Share:
    """A node's part of the applications."""

    rows: Dataset
    weights: NDArray[np.float32] | None


class _Node:
    """An actor, alone on its node."""

    def meet(self, nodes: int) -> dict[str, str | int]:
        """Where all nodes find one another; asked of the first one alone."""
        import ray  # noqa: PLC0415 - an optional extra

        self._tracker = xgboost.RabitTracker(n_workers=nodes, host_ip=ray.util.get_node_ip_address(), sortby="task")
        self._tracker.start()
        where: dict[str, str | int] = self._tracker.worker_args()
        return where

    def grow(
        self, meeting: dict[str, str | int], share: _Share, parameters: dict[str, Any], trees: int, seen: Seen
    ) -> bytes:
        """Grow the trees together with the other nodes."""
        with xgboost.collective.CommunicatorContext(**meeting, dmlc_timeout=STEP_S):
            return bytes(grow(parameters, trees, share.rows, share.weights, seen).save_raw("ubj"))


def _shares(dataset: Dataset, weights: NDArray[np.float32] | None, nodes: int) -> Iterator[_Share]:
    """Neighbouring rows, equally many but for one."""
    borders = [number * dataset.y.size // nodes for number in range(nodes + 1)]
    bare = replace(dataset, attributes={}, provenance=None, weights=None)
    for begin, end in pairwise(borders):
        rows = slice(begin, end)
        yield _Share(bare.part(rows), None if weights is None else weights[rows])


def _booster(models: list[bytes]) -> xgboost.Booster:
    """The model that all nodes have.

    Raises:
        ClusterError: they don't have the same one.
    """
    if len(set(models)) != 1:
        raise ClusterError("the nodes grew different trees: expected the same checkout and packages on each of them")
    booster = xgboost.Booster()
    booster.load_model(bytearray(models[0]))
    return booster
