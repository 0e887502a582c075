"""The whole way from the table of applications to a registered version."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from convert import Conversion, convert
from fraud.progress import ShowStep
from fraud.reference_profile import ReferenceProfile
from fraud.registry import (
    CANDIDATE,
    PRODUCTION,
    PROFILE_SHA256_TAG,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    TEST_START_TAG,
    VALIDATION_AP_TAG,
    ModelVersion,
    Registry,
)
from train.artifacts import write_files
from train.bins_table import store_bins
from train.dataset import load_dataset
from train.reference import reference_profile
from train.servable import why_unservable
from train.tracking import parity_metrics, parity_tags, record_run
from train.training import Training, train_model


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the pipeline made."""

    training: Training
    conversion: Conversion
    version: ModelVersion
    production: int | None
    """The version that is in production now."""


def run(
    dsn: str,
    registry: Registry,
    cutoff: dt.date,
    *,
    seed: int,
    threads: int,
    promote_first: bool,
    progress: ShowStep,
    reason: str | None = None,
) -> Outcome:
    """Train on the applications before `cutoff`, prove the conversion, and register the result as candidate.

    Args:
        dsn: of the database with the table of applications.
        registry: where the version goes.
        cutoff: applications from this day on are unknown to training.
        seed: of everything drawn at random.
        threads: of XGBoost; they change the time, not the model.
        promote_first: put the version into production when the registry says that no version is there, or when the
            one that is there can't be served any more.
        progress: told how far each step is.
        reason: why it is trained, kept as a tag of the version.

    Raises:
        RegistryError: the registry does not answer; asked first, so that nobody trains in vain.
        DatasetError, DatabaseError: the applications can't be read or trained on.
        ParityError: the converted model is another one; nothing is registered.
    """
    progress("asking the registry", 0, 1)
    registry.version_of(PRODUCTION)
    progress("asking the registry", 1, 1)

    progress("reading applications", 0, 1)
    dataset = load_dataset(dsn, cutoff)
    progress("reading applications", 1, 1)

    training = train_model(dataset, cutoff, seed, threads, lambda done, all_: progress("grid search", done, all_))
    conversion = convert(
        training.pipeline,
        dataset.x,
        seed=seed,
        progress=lambda done, all_: progress("proving parity", done, all_),
    )

    progress("registering", 0, 1)
    profile = reference_profile(training.split, training.pipeline, cutoff, conversion.sha256)
    version = _register(registry, training, conversion, profile, reason)
    store_bins(dsn, version, profile)
    registry.set_alias(CANDIDATE, version.version)
    production = _promote(registry, version, promote_first)
    progress("registering", 1, 1)
    return Outcome(training, conversion, version, production)


def _register(
    registry: Registry, training: Training, conversion: Conversion, profile: ReferenceProfile, reason: str | None
) -> ModelVersion:
    metrics = (
        training.validation.metrics("validation")
        | training.test.metrics("test")
        | parity_metrics(conversion.parity)
        | {
            "training_rows": training.split.training.y.size,
            "training_positive_rate": training.split.training.positive_rate,
        }
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, training, conversion, profile)
        run_id = record_run(registry, _parameters(training), metrics, folder)
    tags = {
        TEST_START_TAG: training.split.test_start.isoformat(),
        VALIDATION_AP_TAG: repr(training.validation.average_precision.estimate),
        TEST_AP_TAG: repr(training.test.average_precision.estimate),
        PROFILE_SHA256_TAG: hashlib.sha256(profile.to_json()).hexdigest(),
        **parity_tags(conversion.parity),
    }
    if reason is not None:
        tags[RETRAINING_REASON_TAG] = reason
    return registry.register(run_id, conversion.sha256, training.cutoff, tags)


def _promote(registry: Registry, version: ModelVersion, promote_first: bool) -> int | None:
    """Promote the version if asked to and nothing stands in its way; returns the version in production."""
    production = registry.version_of(PRODUCTION)
    if promote_first and (production is None or why_unservable(registry, production) is not None):
        registry.set_alias(PRODUCTION, version.version)
        return version.version
    return None if production is None else production.version


def _parameters(training: Training) -> dict[str, str]:
    split = training.split
    days = {
        "data_cutoff": training.cutoff,
        "first_day": split.first_day,
        "validation_start": split.validation_start,
        "test_start": split.test_start,
        "last_day": split.last_day,
    }
    chosen = asdict(training.chosen.candidate) | {"trees": training.chosen.trees, "seed": training.seed}
    return {name: str(value) for name, value in (chosen | days).items()}
