"""The worker that scores parts: one for each process, with its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from fraud.registry import Registry
from serve.batch.answers import Columns, answer, batch_of
from serve.batch.part_files import answer_file
from serve.batch.parts import Part
from serve.batch.places import Chunk
from serve.batch.recording import Recorder
from serve.batch.rejected import reason_of
from serve.batch.work_folder import Output, PartFacts
from serve.decoding import DecodedRows
from serve.engine import EngineOptions
from serve.errors import NoProductionModel
from serve.model.model_store import Manifest, model_store
from serve.model.serving_model import LoadedModel, ServingModel


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model that scores, and the engine that runs it."""

    run_dir: Path
    name: str
    options: EngineOptions

    def serving(self, registry: Registry | None = None) -> ServingModel:
        """A loader of the model, the same as a server's."""
        return ServingModel(self.name, model_store(self.run_dir, self.name), registry, self.options)

    def fetch_version(self, version: int | None, registry: Registry | None) -> Manifest:
        """Fetch a version, or production, into the local store; without a registry, use what the store has.

        Raises:
            RegistryError, NoProductionModel, ModelStoreError: it is not available.
        """
        serving = self.serving(registry)
        store = model_store(self.run_dir, self.name)
        if version is not None:
            if not store.holds(version):  # a resumed run needs no registry
                serving.fetch_version(version)
        elif registry is not None:
            version, _ = serving.fetch_production()
        elif (current := store.current()) is not None:
            return current.manifest
        else:
            raise NoProductionModel(
                "no model registry is configured, and there is no local copy of a model: set MLFLOW_TRACKING_URI"
            )
        return store.get(version).manifest

    def load(self, version: int) -> LoadedModel:
        """The verified local copy of a version, checked as a server does before serving it.

        Raises:
            ModelStoreError, EngineError, GoldenRowsError: it can't be served.
        """
        model = self.serving()
        model.prepare(version)
        model.commit(version)
        return model.active


@dataclass(frozen=True, slots=True)
class Scored:
    """A committed part."""

    number: int
    size: int
    rows: int
    rejected: int


class Worker:
    """Scores and commits parts. Close it at the end."""

    def __init__(self, model: LoadedModel, columns: Columns, output: Output, recorder: Recorder | None = None) -> None:
        """With a `recorder`, answers are recorded before they are written."""
        self._model = model
        self._columns = columns
        self._output = output
        self._recorder = recorder

    def close(self) -> None:
        """Stop scoring and end the record."""
        if self._recorder is not None:
            self._recorder.close()

    def score(self, part: Part) -> Scored:
        """Score a part and commit it atomically; it is committed when this returns.

        Raises:
            InputError: it can't be read.
            ReasonsUnavailable: the version has none.
            RecordError: the prediction log does not accept the answers.
        """
        target = self._output.part(part.number)
        staging = target.staging()
        rejected: list[tuple[int, str | None, str]] = []
        done = 0
        header = self._output.is_folder or part.number == 0
        with answer_file(staging, self._output.format, self._columns.schema, header=header) as file:
            for number, rows in enumerate(part.slice.rows()):
                file.write(self._batch(rows, Chunk(part.number, number)))
                rejected += ((done + fault.instance, fault.field, reason_of(fault)) for fault in rows.faults)
                done += rows.sent
        facts = PartFacts(part.input_number, done, tuple(rejected))
        self._output.facts(part.number).replace(msgspec.json.encode(facts))
        staging.rename(target)
        return Scored(part.number, part.size, done, len(rejected))

    def _batch(self, rows: DecodedRows, chunk: Chunk) -> object:
        answers = answer(self._model, rows, self._columns.asks.reasons)
        if self._recorder is not None:
            self._recorder.record(chunk, answers, self._model)
        return batch_of(answers, self._columns)
