"""Scores parts on a Ray cluster: an actor a core, each with a `Worker` of its own, wherever Ray has room for it.

Ray places actors, moves the model to their nodes and notices which of them are lost. That a part is there as a whole or
not at all, and is the same whoever scores it, is the worker's doing (`worker.py`); so a part of a lost actor is given
to another one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from fraud.errors import ClusterError
from fraud.ray_cluster import connected, cores_of
from fraud.settings import load_settings
from serve.batch.answers import Columns
from serve.batch.errors import OutputError
from serve.batch.parts import Part
from serve.batch.work_folder import Output
from serve.batch.worker import ModelChoice, Scored, Worker
from serve.model.model_store import Manifest, StoredModel, model_store

LOST_MAX: Final = 8
"""Actors that may be lost before a run gives up: more are no failing node, but parts that kill whoever scores them."""


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What an actor needs to score parts of a job."""

    job_id: str
    manifest: Manifest
    model: ModelChoice
    """As on the machine of the run; each node has a run folder of its own."""
    columns: Columns
    output: Output


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Where parts are scored, and by how many actors."""

    address: str | None
    """HOST:PORT of its head; None: RAY_ADDRESS, or else one of this machine alone, for the run."""
    actors: int | None
    """None: one for each core of the cluster."""

    def score_all(self, parts: Iterable[Part], task: ClusterTask) -> Iterator[Scored]:
        """Score all parts, in any order.

        Raises:
            ClusterError: there is no such cluster, or too many of its actors are lost.
            ProjectError: a part can't be scored.
        """
        stored = model_store(task.model.run_dir, task.model.name).get(task.manifest.model_version)
        with connected(self.address, "serve") as ray:
            cores = cores_of(ray)
            # In a list, Ray hands on the reference alone: a node that has the model does not ask for it.
            yield from _Actors(ray, task, [ray.put(stored)]).score_all(iter(parts), self.actors or cores)


class Scorer:
    """An actor: the model, and what scores parts with it."""

    _worker: Worker
    """There once it has begun: what a constructor raises reaches the run as the loss of an actor."""

    def __init__(self, task: ClusterTask, stored: list[Any]) -> None:
        """`stored` holds the reference of the model, which a node fetches once and verifies (`ModelStore.add`)."""
        self._task = task
        self._stored = stored

    def begin(self) -> None:
        """Get ready, once in the actor's life.

        Raises:
            OutputError: this node does not see the output.
            ProjectError: the model can't be had, or not be run here.
        """
        import ray  # noqa: PLC0415 - an optional extra

        task = self._task
        begun = task.output.begun_job()
        if begun is None or begun.id != task.job_id:
            expected = "expected a folder that all nodes share, or s3://..."
            raise OutputError(task.output.folder, f"is not seen by the node {os.uname().nodename}: {expected}")
        settings = load_settings()
        options = replace(task.model.options, cache_dir=settings.compiled_folder())
        model = ModelChoice(settings.run_dir.resolve(), task.model.name, options)

        def stored() -> StoredModel:
            found: StoredModel = ray.get(self._stored[0])
            return found

        store = model_store(model.run_dir, model.name)
        store.add(task.manifest, lambda: stored().model.content, lambda: stored().contributions)
        self._worker = Worker(model.load(task.manifest.model_version), task.columns, task.output)

    def score(self, part: Part) -> Scored:
        """Score a part; it is committed when this returns."""
        return self._worker.score(part)


class _Actors:
    """Actors of one run; who is lost is replaced as soon as Ray has room."""

    def __init__(self, ray: Any, task: ClusterTask, stored: list[Any]) -> None:
        self._ray = ray
        actor: Any = ray.remote(num_cpus=1, max_restarts=0)(Scorer)
        self._make: Callable[[], Any] = partial(actor.remote, task, stored)
        self._busy: dict[Any, tuple[Any, Part | None]] = {}
        """By what Ray answers with: the actor, and the part; None while it begins."""
        self._idle: list[Any] = []
        self._lost = 0

    def score_all(self, parts: Iterator[Part], actors: int) -> Iterator[Scored]:
        """Score all parts, in any order; only actors that have begun get any, so none waits for room on the cluster."""
        for _ in range(actors):
            self._start()
        again: deque[Part] = deque()
        following = next(parts, None)
        while following is not None or again or any(part is not None for _, part in self._busy.values()):
            while self._idle and (again or following is not None):
                if again:
                    self._give(again.popleft())
                elif following is not None:
                    self._give(following)
                    following = next(parts, None)
            (done, *_), _ = self._ray.wait(list(self._busy), num_returns=1)
            actor, part = self._busy.pop(done)
            try:
                scored = self._ray.get(done)
            except self._ray.exceptions.RayActorError as error:
                self._replace(error)
                again.extend(() if part is None else (part,))
                continue
            self._idle.append(actor)
            if part is not None:
                yield scored

    def _give(self, part: Part) -> None:
        actor = self._idle.pop()
        self._busy[actor.score.remote(part)] = (actor, part)

    def _start(self) -> None:
        actor = self._make()
        self._busy[actor.begin.remote()] = (actor, None)

    def _replace(self, error: Exception) -> None:
        self._lost += 1
        if self._lost > LOST_MAX:
            raise ClusterError(
                f"{self._lost} actors were lost, perhaps for want of memory: give the same command again to go on, "
                "with fewer --workers if memory is scarce"
            ) from error
        self._start()
