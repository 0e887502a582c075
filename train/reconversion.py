"""A version of an earlier version of this project, converted again: the same trees, in a file that can be served."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Final

from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from convert import convert
from convert.source import load_classifier
from fraud.progress import ShowStep
from fraud.reference_profile import ReferenceProfile
from fraud.registry import (
    LABELS_KNOWN_BEFORE_TAG,
    PRODUCTION,
    PROFILE_SHA256_TAG,
    RECONVERTED_FROM_TAG,
    TEST_AP_TAG,
    TEST_START_TAG,
    ModelVersion,
    Registry,
)
from train.artifacts import NATIVE_FILE, write_model
from train.bins_table import store_bins
from train.dataset import Dataset, load_dataset
from train.fitting import probabilities
from train.recipe import STEP
from train.reference import reference_profile
from train.split import recent_start
from train.tracking import conversion_tags, parity_metrics, record_run

KEPT_TAGS: Final = (TEST_START_TAG, TEST_AP_TAG, LABELS_KNOWN_BEFORE_TAG)
"""What holds of the trees in any file."""


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
        profile = _profile(dataset, classifier, old, conversion.sha256)
        files = folder / "new"
        files.mkdir()
        write_model(files, classifier, conversion, profile)
        facts = {RECONVERTED_FROM_TAG: str(old.version)}
        run_id = record_run(
            *(registry, facts, parity_metrics(conversion.parity), files),
            name=f"version {old.version} converted again",
        )
    tags = facts | conversion_tags(conversion) | {tag: old.tags[tag] for tag in KEPT_TAGS if tag in old.tags}
    tags[PROFILE_SHA256_TAG] = hashlib.sha256(profile.to_json()).hexdigest()
    version = registry.register(run_id, conversion.sha256, old.data_cutoff, tags)
    store_bins(dsn, version, profile)
    registry.set_alias(PRODUCTION, version.version)
    return version


def _profile(dataset: Dataset, classifier: XGBClassifier, old: ModelVersion, sha256: str) -> ReferenceProfile:
    """Its trees were fitted on the oldest four fifths, so what they say of the newest fifth is honest."""
    border = recent_start(dataset)
    older, recent = dataset.part(slice(0, border)), dataset.part(slice(border, None))
    predicted = probabilities(Pipeline([(STEP, classifier)]), recent.x)
    return reference_profile(
        older, recent, predicted, classifier=classifier, cutoff=old.data_cutoff, model_sha256=sha256
    )
