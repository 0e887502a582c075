"""The model registry: versions of the model in MLflow, found by alias, checked by SHA-256.

The tracking URI names the server *with* its static prefix (`http://127.0.0.1:5000/mlflow`): a server started with
`--static-prefix /mlflow` serves its REST API under the prefix too, and answers 404 without it.

A version's files are plain artifacts of its run, under `model/`. `mlflow.onnx.log_model` would parse and serialise
the network again, and what is served must be the very bytes whose parity was proven; so the bytes are uploaded as
they are, fetched back and compared before a version exists.

"There is no such model" is only ever read from a successful answer (an empty search), never from an error code: a
proxy's 404 must not look like an empty registry.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fraud.errors import RegistryError
from fraud.foreign_errors import one_line, refusal, why_unanswered

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from mlflow.entities.model_registry import RegisteredModel

CANDIDATE: Final = "candidate"
PRODUCTION: Final = "production"
PREVIOUS: Final = "previous"

MODEL_FOLDER: Final = "model"
"""Folder of a run's artifacts that holds the files of the version."""
MODEL_FILE: Final = "model.onnx"
CONTRIBUTIONS_FILE: Final = "contributions.msgpack"
"""The tables from which contributions of features are looked up."""
TWIN_FOLDER: Final = "twin"
"""Folder beside a version's files that holds those of its judged twin."""
GATE_FOLDER: Final = "gate"
"""Folder of a run's artifacts that holds the gate's report."""

SHA256_TAG: Final = "sha256"
CONTRIBUTIONS_SHA256_TAG: Final = "contributions_sha256"
"""Of the shipped model's tables of contributions; a version without it has no reasons."""
DATA_CUTOFF_TAG: Final = "data_cutoff"
NEWEST_APPLICATION_TAG: Final = "newest_application"
"""Day of the newest application that the shipped model was trained on; earlier than the data cutoff."""
LABELS_KNOWN_BEFORE_TAG: Final = "labels_known_before"
"""Moment: outcomes that were recorded from then on were unknown to training."""
TEST_START_TAG: Final = "test_start"
GATE_VERDICT_TAG: Final = "gate_verdict"
TEST_AP_TAG: Final = "average_precision_test"
"""Of the judged twin, on the test part."""
CROSS_FITTED_AP_TAG: Final = "average_precision_cross_fitted"
"""Of the shipped model's recipe on the newest fifth, each block predicted by trees fitted on all but it."""
TWIN_SHA256_TAG: Final = "twin_sha256"
"""Of the judged twin's `model.onnx`; a version without it is of the time when the model that was judged served."""
RECIPE_TAG: Final = "recipe"
"""Of both models, as JSON: what it takes to fit them again."""
EXCLUDED_TAG: Final = "excluded_features"
"""Features on which no tree of the version splits, comma-separated; the recipe says it too."""
REFRESHED_FROM_TAG: Final = "refreshed_from"
"""Of a version that is an earlier one's recipe, fitted on newer applications: the number of that one."""
PROFILE_SHA256_TAG: Final = "reference_profile_sha256"
PARITY_REAL_ROWS_TAG: Final = "parity_rows_real"
PARITY_MADE_ROWS_TAG: Final = "parity_rows_made"
"""Rows of values of real ones, in new combinations, that the proof took where real ones were too few."""
RETRAINING_REASON_TAG: Final = "retraining_reason"

RECONVERTED_FROM_TAG: Final = "reconverted_from"
"""Of a version with the trees of an earlier one, in a file that can be served: the number of that one."""

HTTP_RETRIES: Final = 1
MESSAGE_CHARACTERS: Final = 400
_NO_ANSWER_OF_MLFLOW: Final = re.compile(
    r"(?:failed with error code (\d+)|request to endpoint was successful).*Response body: '(.*)'", re.DOTALL
)
"""How MLflow's client tells of an answer that is not of its server."""


class ChecksumError(RegistryError):
    """A file of the registry is not the one that was registered: it must not be loaded."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of the registered model: the shipped model, which serves, and its judged twin, which the gate judges.

    Both come of one recipe. The twin has not seen the test part; the shipped model knows all before the data cutoff.
    """

    name: str
    version: int
    sha256: str
    """Of the shipped model's `model.onnx`, lower-case hexadecimal."""
    data_cutoff: dt.date
    """Applications from this day on were unknown to training."""
    unseen_from: dt.date
    """Applications from this day on were used neither to train nor to tune the judged twin: the first day of the test
    part. Of a version that does not say when its test part began, it is the data cutoff."""
    run_id: str
    tags: Mapping[str, str]

    @property
    def twin_sha256(self) -> str | None:
        """Of the judged twin's `model.onnx`; None where the model that serves is the one that was judged."""
        return self.tags.get(TWIN_SHA256_TAG)

    @property
    def contributions_sha256(self) -> str | None:
        """Of the shipped model's tables of contributions; None where it has none."""
        return self.tags.get(CONTRIBUTIONS_SHA256_TAG)


class Registry:
    """The versions of one registered model. Every method but the constructor asks the server.

    Every failure is a `RegistryError` of one line: no connection, a timeout, an error status, an answer that is not
    MLflow's, a version that training did not register.
    """

    def __init__(self, tracking_uri: str, model_name: str, timeout_s: int = 10) -> None:
        """Remember where to ask; importing MLflow (a second) waits for the first question.

        Args:
            tracking_uri: address of the MLflow server, static prefix included.
            model_name: the registered model.
            timeout_s: longest wait for the server at each of at most two tries, seconds.
        """
        self.tracking_uri = tracking_uri
        self.model_name = model_name
        self.timeout_s = timeout_s

    def version_of(self, alias: str) -> ModelVersion | None:
        """The version that an alias names; None when the registry says that there is no such model or alias."""
        return self.versions_of([alias]).get(alias)

    def versions_of(self, aliases: Iterable[str]) -> dict[str, ModelVersion]:
        """The versions that aliases name; an alias that names none is left out."""
        with registry_errors(self.tracking_uri):
            model = self._registered_model()
            named = {} if model is None else {one: str(model.aliases[one]) for one in aliases if one in model.aliases}
            found = {
                number: _model_version(self._client().get_model_version(self.model_name, number))
                for number in set(named.values())
            }
            return {alias: found[number] for alias, number in named.items()}

    def number_of(self, alias: str) -> int | None:
        """The number of the version that an alias names, in one call; None as `version_of`."""
        with registry_errors(self.tracking_uri):
            model = self._registered_model()
            return None if model is None or alias not in model.aliases else int(model.aliases[alias])

    def model_version(self, version: int) -> ModelVersion:
        """The version of that number."""
        with registry_errors(self.tracking_uri):
            return _model_version(self._client().get_model_version(self.model_name, str(version)))

    def versions(self, most: int) -> list[ModelVersion]:
        """Versions that training has registered, the newest first; empty if there is no such model."""
        with registry_errors(self.tracking_uri):
            found = self._client().search_model_versions(
                f"name = '{self.model_name}'", max_results=most, order_by=["version_number DESC"]
            )
            return [_model_version(one) for one in found if {SHA256_TAG, DATA_CUTOFF_TAG} <= one.tags.keys()]

    def register(
        self, run_id: str, sha256: str, data_cutoff: dt.date, tags: Mapping[str, str], description: str = ""
    ) -> ModelVersion:
        """Make the files that run `run_id` keeps under `model/` the next version.

        Args:
            run_id: a run whose artifacts hold `model/model.onnx`.
            sha256: of the bytes whose parity was proven.
            data_cutoff: applications from this day on were unknown to training.
            tags: further tags of the version; with `TWIN_SHA256_TAG` the run holds a twin too, with
                `CONTRIBUTIONS_SHA256_TAG` tables of contributions.
            description: what people read first on its page, as Markdown.

        Raises:
            ChecksumError: the server holds other bytes.
        """
        self._fetch(run_id, sha256)
        if TWIN_SHA256_TAG in tags:
            self._fetch(run_id, tags[TWIN_SHA256_TAG], f"{TWIN_FOLDER}/{MODEL_FILE}")
        if CONTRIBUTIONS_SHA256_TAG in tags:
            self._fetch(run_id, tags[CONTRIBUTIONS_SHA256_TAG], CONTRIBUTIONS_FILE)
        with registry_errors(self.tracking_uri):
            if self._registered_model() is None:
                self._client().create_registered_model(self.model_name)
            # As MLflow's own `register_model` names it: of `runs:/...` its server can't show the files on its pages.
            artifacts = self._client().get_run(run_id).info.artifact_uri
            created = self._client().create_model_version(
                self.model_name,
                source=f"{artifacts}/{MODEL_FOLDER}",
                run_id=run_id,
                tags={**tags, SHA256_TAG: sha256, DATA_CUTOFF_TAG: data_cutoff.isoformat()},
                description=description or None,
                await_creation_for=0,  # a version of existing artifacts is ready at once
            )
            return _model_version(created)

    def set_alias(self, alias: str, version: int) -> None:
        """Point an alias at a version, in one step: the alias is never missing in between."""
        with registry_errors(self.tracking_uri):
            self._client().set_registered_model_alias(self.model_name, alias, str(version))

    def delete_alias(self, alias: str) -> None:
        """Remove an alias; a missing one is no error."""
        with registry_errors(self.tracking_uri):
            self._client().delete_registered_model_alias(self.model_name, alias)

    def attach(self, version: ModelVersion, folder: Path, name: str) -> None:
        """Store the files of a folder with a version, in a folder `name` next to its own files."""
        with registry_errors(self.tracking_uri):
            self._client().log_artifacts(version.run_id, str(folder), name)

    def set_tag(self, version: int, key: str, value: str) -> None:
        """Write a tag of a version, such as the gate's verdict."""
        with registry_errors(self.tracking_uri):
            self._client().set_model_version_tag(self.model_name, str(version), key, value)

    def metric(self, version: ModelVersion, name: str) -> float | None:
        """A figure of the run that made a version; None where it has none of that name."""
        with registry_errors(self.tracking_uri):
            found: float | None = self._client().get_run(version.run_id).data.metrics.get(name)
        return found

    def fetch_model(self, version: ModelVersion) -> bytes:
        """The verified bytes of a version's `model.onnx`: the shipped model.

        Raises:
            ChecksumError: they are not those that were registered.
        """
        return self._fetch(version.run_id, version.sha256)

    def fetch_twin(self, version: ModelVersion) -> bytes:
        """The verified bytes of its judged twin; an earlier version has one model, which is its own twin.

        Raises:
            ChecksumError: they are not those that were registered.
        """
        if version.twin_sha256 is None:
            return self.fetch_model(version)
        return self._fetch(version.run_id, version.twin_sha256, f"{TWIN_FOLDER}/{MODEL_FILE}")

    def fetch_contributions(self, version: ModelVersion) -> bytes | None:
        """The verified bytes of a version's tables of contributions; None where it has none.

        Raises:
            ChecksumError: they are not those that were registered.
        """
        if version.contributions_sha256 is None:
            return None
        return self._fetch(version.run_id, version.contributions_sha256, CONTRIBUTIONS_FILE)

    def download_file(self, version: ModelVersion, name: str, folder: Path) -> Path:
        """Fetch another file of a version, such as `parity.json`, into `folder`; it is not verified."""
        folder.mkdir(parents=True, exist_ok=True)
        with registry_errors(self.tracking_uri):
            return Path(self._client().download_artifacts(version.run_id, f"{MODEL_FOLDER}/{name}", str(folder)))

    def _fetch(self, run_id: str, sha256: str, name: str = MODEL_FILE) -> bytes:
        with tempfile.TemporaryDirectory() as folder, registry_errors(self.tracking_uri):
            path = self._client().download_artifacts(run_id, f"{MODEL_FOLDER}/{name}", folder)
            content = Path(path).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ChecksumError(
                f"{name} of run {run_id} has SHA-256 {found}, not the {sha256} that was registered: "
                "train again, and find out who changed the artifact store"
            )
        return content

    def _registered_model(self) -> RegisteredModel | None:
        """The registered model, or None when a successful search does not find it."""
        found = self._client().search_registered_models(filter_string=f"name = '{self.model_name}'")
        return next((model for model in found if model.name == self.model_name), None)

    def _client(self) -> MlflowClient:
        return mlflow_client(self.tracking_uri, self.timeout_s)


def mlflow_client(tracking_uri: str, timeout_s: int) -> MlflowClient:
    """A client of the MLflow server whose waits are bounded; `timeout_s` holds for the whole process.

    MLflow takes its limits from the environment only: by default it retries for minutes.
    """
    os.environ.update(
        MLFLOW_HTTP_REQUEST_TIMEOUT=str(timeout_s),
        MLFLOW_HTTP_REQUEST_MAX_RETRIES=str(HTTP_RETRIES),
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR="0",
        MLFLOW_HTTP_REQUEST_BACKOFF_JITTER="0",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false",
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
        MLFLOW_DISABLE_TELEMETRY="true",
    )
    from mlflow import MlflowClient  # noqa: PLC0415 - takes a second

    return MlflowClient(tracking_uri, tracking_uri)


@contextmanager
def registry_errors(tracking_uri: str) -> Iterator[None]:
    """Turn every fault of talking to MLflow into a `RegistryError` of one line, without passwords."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - takes a second

    try:
        yield
    # Connection faults of requests are OSErrors; an answer that is not JSON is a ValueError.
    except (MlflowException, OSError, ValueError) as error:
        line = one_line(f"the MLflow registry at {tracking_uri} failed: {_words(error)}")
        raise RegistryError(line[:MESSAGE_CHARACTERS]) from error


def _words(error: Exception) -> str:
    """The server's answer, or why there was none."""
    if found := _NO_ANSWER_OF_MLFLOW.search(str(error)):
        status, body = found.groups()
        return f"it answered {refusal(int(status or HTTPStatus.OK), body.encode())}"
    return why_unanswered(error)


def _model_version(found: MlflowVersion) -> ModelVersion:
    sha256, cutoff = found.tags.get(SHA256_TAG), found.tags.get(DATA_CUTOFF_TAG)
    if sha256 is None or cutoff is None or found.run_id is None:
        raise RegistryError(
            f"version {found.version} of {found.name} lacks its run or the tag {SHA256_TAG} or {DATA_CUTOFF_TAG}: "
            "it was not registered by `python -m train`"
        )
    unseen_from = dt.date.fromisoformat(found.tags.get(TEST_START_TAG, cutoff))
    return ModelVersion(
        name=found.name,
        version=int(found.version),
        sha256=sha256,
        data_cutoff=dt.date.fromisoformat(cutoff),
        unseen_from=unseen_from,
        run_id=found.run_id,
        tags=dict(found.tags),
    )
