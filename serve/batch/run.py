"""A run: determine the job, compare it with one already begun, and score its missing parts."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from fraud.registry import Registry
from serve.batch.answers import Columns
from serve.batch.errors import InputError
from serve.batch.formats import Kind
from serve.batch.identity import difference, identities_of
from serve.batch.inputs import InputFile
from serve.batch.parts import Part, checked_columns, cut_inputs
from serve.batch.places import JobPlaces
from serve.batch.publishing import publish
from serve.batch.ray_cluster import ClusterTask, RayCluster
from serve.batch.recording import PredictionLog, Recorder, Recording
from serve.batch.rejected import write_rejected
from serve.batch.run_lock import FOLDER, RunLock, alone, name_of
from serve.batch.shipping import shipping, wait_until_shipped
from serve.batch.store_faults import plain_store_faults
from serve.batch.work_folder import Job, Output, refuse_changes
from serve.batch.worker import ModelChoice, Scored, Worker
from serve.batch.workers import score_all
from serve.decoding.rows import APPLICATION_ID
from serve.scoring.asks import Asks
from serve.scoring.reasons import without_reasons

Scoring = Callable[[Iterable[Part]], Iterator[Scored]]


class Tell(Protocol):
    """Receives the progress of a run."""

    def skip(self, size: int) -> None:
        """An earlier run has done this number of bytes of the inputs."""

    def add(self, size: int, rows: int) -> None:
        """Add bytes and rows that are done."""


@dataclass(frozen=True, slots=True)
class Order:
    """The inputs and options of a run."""

    files: Sequence[InputFile]
    output: Output
    model: ModelChoice
    version: int | None
    """Model version; None: that of the resumed run, or else production."""
    asks: Asks
    workers: int
    log: PredictionLog | None = None
    """Where to record the answers; None: don't record them."""
    cluster: RayCluster | None = None
    """Scores instead of this machine's processes; it can't record."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a job, including its earlier runs."""

    rows: int
    rejected: int
    version: int


@plain_store_faults()
def run(order: Order, registry: Registry | None, tell: Tell) -> Result:
    """Score the missing parts of a job, and publish the output.

    Raises:
        ProjectError: the job can't be completed; committed parts stay, for the next run to resume.
    """
    output, log = order.output, order.log
    output.refuse_inputs([file.location for file in order.files])
    with alone(order.model.run_dir, output) as lock:
        output.refuse_taken()
        names = checked_columns(order.files)
        if log is not None:
            log.refuse_unusable(names)
        job = _job(order, registry)
        output.tidy()
        columns = Columns(order.asks, APPLICATION_ID in names, flat=output.format.kind is Kind.CSV)
        with ExitStack() as beside:
            recording = None
            if log is not None:
                beside.enter_context(shipping(order.model.run_dir / FOLDER))
                places = _places(order, job.id)
                recording = Recording(log, job.id, places.folder, places.recorded(log.spool))
            rows, parts = _score(order, _scoring(order, job, columns, recording, lock), tell)
            if log is not None:
                wait_until_shipped(log.spool, places.chains())
        changed = difference(job.inputs, identities_of(order.files))
        if changed is not None:
            raise InputError(output.folder, f"{changed} while it was scored: remove the folder to start over")
        output.tidy()  # files of a lost actor
        rejected = write_rejected(output, [file.place for file in job.inputs], parts)
        publish(output, parts, columns.schema)
        _places(order, job.id).forget()
    return Result(rows, rejected, job.model_version)


def _job(order: Order, registry: Registry | None) -> Job:
    """The job already begun, if it matches the order; or a new job, which begins."""
    begun = order.output.begun_job()
    version = order.version
    if version is None and begun is not None and begun.model_name == order.model.name:
        version = begun.model_version
    manifest = order.model.fetch_version(version, registry)
    if order.asks.reasons and manifest.contributions_sha256 is None:
        raise without_reasons(manifest.model_version)
    job = Job(
        begun.id if begun is not None else uuid.uuid4().hex,
        identities_of(order.files),
        manifest.model_name,
        manifest.model_version,
        manifest.sha256,
        order.asks.reasons,
        order.asks.language,
        order.asks.warnings,
        order.log is not None,
    )
    places = _places(order, job.id)
    if begun is not None:
        refuse_changes(begun, job, order.output.folder)
        if job.recorded:
            places.refuse_missing()
        return job
    if job.recorded:
        places.begin()
    order.output.begin(job)
    return job


def _places(order: Order, job_id: str) -> JobPlaces:
    return JobPlaces(order.model.run_dir / FOLDER / f"{name_of(order.output)}.places", job_id)


def _scoring(order: Order, job: Job, columns: Columns, recording: Recording | None, lock: RunLock) -> Scoring:
    """The scorer of parts: processes of this machine, or a cluster."""
    if order.cluster is None:
        make = functools.partial(_make_worker, order.model, job.model_version, columns, order.output, recording)
        return lambda parts: score_all(parts, make, order.workers, lock)
    manifest = order.model.fetch_version(job.model_version, None)
    task = ClusterTask(job.id, manifest, order.model, columns, order.output)
    return functools.partial(order.cluster.score_all, task=task)


def _score(order: Order, scoring: Scoring, tell: Tell) -> tuple[int, int]:
    """Score all parts that are not committed; returns the total number of rows and of parts."""
    output = order.output
    committed = output.committed()
    rows = parts = 0

    def missing() -> Iterator[Part]:
        nonlocal rows, parts
        for part in cut_inputs(order.files):
            parts += 1
            if part.number in committed:
                rows += output.read_facts(part.number).rows
                tell.skip(part.size)
            else:
                yield part

    for scored in scoring(missing()):
        rows += scored.rows
        tell.add(scored.size, scored.rows)
    return rows, parts


def _make_worker(
    model: ModelChoice, version: int, columns: Columns, output: Output, recording: Recording | None
) -> Worker:
    return Worker(model.load(version), columns, output, None if recording is None else Recorder(recording))
