"""A version of an earlier version of this project, converted anew: the same trees, in a file that can be served."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

from sklearn.pipeline import Pipeline

from convert import convert
from convert.source import load_classifier
from fraud.progress import ShowStep
from fraud.registry import (
    PRODUCTION,
    PROFILE_SHA256_TAG,
    RECONVERTED_FROM_TAG,
    TEST_AP_TAG,
    TEST_START_TAG,
    VALIDATION_AP_TAG,
    ModelVersion,
    Registry,
)
from train.artifacts import NATIVE_FILE, write_model
from train.bins_table import store_bins
from train.dataset import load_dataset
from train.grid import STEP
from train.reference import reference_profile
from train.split import split_by_day
from train.tracking import parity_metrics, parity_tags, record_run

KEPT_TAGS: Final = (TEST_START_TAG, VALIDATION_AP_TAG, TEST_AP_TAG)
"""What was measured of the trees holds of them in any file."""


def reconvert(dsn: str, registry: Registry, old: ModelVersion, *, seed: int, progress: ShowStep) -> ModelVersion:
    """Register a version with the trees of `old` and put it into production; `old` stays registered as it is.

    Its reference profile is made from the applications that are before the old data cutoff now.

    Raises:
        RegistryError: the registry does not answer, or has no XGBoost model of the version.
        ConversionError, ParityError: the trees can't be converted by this version of the project.
        DatasetError, DatabaseError: there are no applications to prove the conversion on.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("fetching the trees", 0, 1)
        classifier = load_classifier(registry.download_file(old, NATIVE_FILE, folder / "old"))
        progress("fetching the trees", 1, 1)
        dataset = load_dataset(dsn, old.data_cutoff)
        conversion = convert(
            classifier,
            dataset.x,
            seed=seed,
            progress=lambda done, all_: progress("proving parity", done, all_),
        )
        pipeline = Pipeline([(STEP, classifier)])
        profile = reference_profile(split_by_day(dataset), pipeline, old.data_cutoff, conversion.sha256)
        files = folder / "new"
        files.mkdir()
        write_model(files, classifier, conversion, profile)
        facts = {RECONVERTED_FROM_TAG: str(old.version)}
        run_id = record_run(registry, facts, parity_metrics(conversion.parity), files)
    tags = facts | parity_tags(conversion.parity) | {tag: old.tags[tag] for tag in KEPT_TAGS if tag in old.tags}
    tags[PROFILE_SHA256_TAG] = hashlib.sha256(profile.to_json()).hexdigest()
    version = registry.register(run_id, conversion.sha256, old.data_cutoff, tags)
    store_bins(dsn, version, profile)
    registry.set_alias(PRODUCTION, version.version)
    return version
