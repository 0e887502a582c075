"""Scores parts on a Ray cluster: one actor for each core, each with its own `Worker`, wherever Ray has capacity.

Ray places actors, moves the model to their nodes and notices which of them are lost. The worker (`worker.py`) commits
each part atomically, with the same result on any node, so a lost actor's part is given to another one.
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
"""Maximum number of lost actors: beyond it the cause is not a failing node, but parts that kill the process that scores
them.
"""


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """The data that an actor needs to score parts of a job."""

    job_id: str
    manifest: Manifest
    model: ModelChoice
    """Settings of the run's machine; each node has its own run folder."""
    columns: Columns
    output: Output


@dataclass(frozen=True, slots=True)
class RayCluster:
    """The cluster and the number of actors."""

    address: str | None
    """HOST:PORT of its head; None: RAY_ADDRESS, or a temporary cluster of this machine."""
    actors: int | None
    """Number of actors; None: one for each core of the cluster."""

    def score_all(self, parts: Iterable[Part], task: ClusterTask) -> Iterator[Scored]:
        """Score all parts, in any order.

        Raises:
            ClusterError: there is no such cluster, or too many of its actors are lost.
            ProjectError: a part can't be scored.
        """
        stored = model_store(task.model.run_dir, task.model.name).get(task.manifest.model_version)
        with connected(self.address, "serve") as ray:
            cores = cores_of(ray)
            # In a list, Ray passes only the reference, so a node that has the model does not fetch it again.
            yield from _Actors(ray, task, [ray.put(stored)]).score_all(iter(parts), self.actors or cores)


class Scorer:
    """An actor with a model and a worker."""

    _worker: Worker
    """Set by `begin`, not by the constructor, whose exceptions would look like a lost actor."""

    def __init__(self, task: ClusterTask, stored: list[Any]) -> None:
        """`stored` is the reference of the model, which a node fetches once and verifies (`ModelStore.add`)."""
        self._task = task
        self._stored = stored

    def begin(self) -> None:
        """Prepare the worker, once.

        Raises:
            OutputError: this node can't access the output.
            ProjectError: the model is not available, or can't run here.
        """
        import ray  # noqa: PLC0415 - an optional extra

        task = self._task
        begun = task.output.begun_job()
        if begun is None or begun.id != task.job_id:
            expected = "expected a folder that all nodes share, or s3://..."
            raise OutputError(task.output.folder, f"is not visible on the node {os.uname().nodename}: {expected}")
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
    """The actors of one run; a lost actor is replaced as soon as Ray has capacity."""

    def __init__(self, ray: Any, task: ClusterTask, stored: list[Any]) -> None:
        self._ray = ray
        actor: Any = ray.remote(num_cpus=1, max_restarts=0)(Scorer)
        self._make: Callable[[], Any] = partial(actor.remote, task, stored)
        self._busy: dict[Any, tuple[Any, Part | None]] = {}
        """Pending Ray reference -> its actor and part; part None while the actor starts."""
        self._idle: list[Any] = []
        self._lost = 0

    def score_all(self, parts: Iterator[Part], actors: int) -> Iterator[Scored]:
        """Score all parts, in any order; only started actors get parts, so no part waits for cluster capacity."""
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
                f"{self._lost} actors were lost, perhaps out of memory: run the same command again to resume, with "
                f"fewer --workers if memory is short"
            ) from error
        self._start()
