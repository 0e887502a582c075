"""From two fitted models to a registered version: conversion, proof, files, tags, bins."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from convert import convert
from fraud.progress import ShowStep
from fraud.reference_profile import ReferenceProfile
from fraud.registry import (
    CROSS_FITTED_AP_TAG,
    EXCLUDED_TAG,
    LABELS_KNOWN_BEFORE_TAG,
    NEWEST_APPLICATION_TAG,
    PROFILE_SHA256_TAG,
    RECIPE_TAG,
    REFRESHED_FROM_TAG,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    TEST_START_TAG,
    TWIN_SHA256_TAG,
    ModelVersion,
    Registry,
)
from fraud.statistics.review import REVIEW_CAPACITY
from train.agreement import Agreement, agreement
from train.artifacts import Conversions, write_files
from train.bins_table import store_bins
from train.dataset import Dataset
from train.fitting import probabilities
from train.model_card import version_description
from train.reference import reference_profile
from train.tracking import conversion_tags, parity_metrics, record_run
from train.training import Training


def convert_both(training: Training, dataset: Dataset, progress: ShowStep) -> Conversions:
    """Convert and prove both models on all applications.

    Raises:
        ParityError: a converted model is another one.
    """
    shipped = convert(
        *(training.shipped.pipeline, dataset.x),
        seed=training.seed,
        progress=lambda done, all_: progress("proving the shipped model", done, all_),
    )
    twin = convert(
        *(training.twin.pipeline, dataset.x),
        seed=training.seed,
        progress=lambda done, all_: progress("proving the judged twin", done, all_),
        explain=False,  # it never answers an application
    )
    return Conversions(shipped, twin)


def register(
    dsn: str, registry: Registry, training: Training, conversions: Conversions, tags: Mapping[str, str]
) -> tuple[ModelVersion, Agreement]:
    """Register both models as one version, with further `tags`; it has no alias yet.

    Raises:
        RegistryError, DatabaseError: one of them does not answer or refuses.
    """
    shipped, cross_fitted = training.shipped, training.cross_fitted
    agreed = agreement(
        training.twin_test_probabilities,
        probabilities(shipped.pipeline, training.split.test.x),
        REVIEW_CAPACITY,
        training.split.test.weights,
    )
    profile = reference_profile(
        cross_fitted.older,
        cross_fitted.recent,
        cross_fitted.probabilities,
        classifier=shipped.classifier,
        cutoff=training.cutoff,
        model_sha256=conversions.shipped.sha256,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, training, conversions, profile, agreed)
        run_id = record_run(
            *(registry, _parameters(training), _metrics(training, conversions, agreed), folder),
            name=run_name(training.cutoff, tags),
        )
    version = registry.register(
        *(run_id, conversions.shipped.sha256, training.cutoff, {**tags, **_tags(training, conversions, profile)}),
        description=version_description(training),
    )
    store_bins(dsn, version, profile)
    return version, agreed


def known_labels_tag(dataset: Dataset) -> dict[str, str]:
    """Says up to which moment a training knew outcomes, so that the same can be trained again."""
    known = dataset.known_before
    return {} if known is None else {LABELS_KNOWN_BEFORE_TAG: known.isoformat()}


def run_name(cutoff: dt.date, tags: Mapping[str, str]) -> str:
    """What a training was for, and what it knew."""
    refreshed = tags.get(REFRESHED_FROM_TAG)
    what = tags.get(RETRAINING_REASON_TAG, "training") if refreshed is None else f"refresh of version {refreshed}"
    return f"{what}, applications before {cutoff}"


def _tags(training: Training, conversions: Conversions, profile: ReferenceProfile) -> dict[str, str]:
    return {
        TEST_START_TAG: training.split.test_start.isoformat(),
        NEWEST_APPLICATION_TAG: training.split.last_day.isoformat(),
        TWIN_SHA256_TAG: conversions.twin.sha256,
        RECIPE_TAG: training.recipe.to_json().decode(),
        EXCLUDED_TAG: ",".join(training.recipe.excluded) or "none",
        CROSS_FITTED_AP_TAG: repr(training.shipped_cross_fitted.average_precision.estimate),
        TEST_AP_TAG: repr(training.twin_on_test.average_precision.estimate),
        PROFILE_SHA256_TAG: hashlib.sha256(profile.to_json()).hexdigest(),
        **conversion_tags(conversions.shipped),
    }


def _metrics(training: Training, conversions: Conversions, agreed: Agreement) -> dict[str, float]:
    """`test_...` are the twin's, `cross_fitted_...` and `parity_...` the shipped model's."""
    return (
        training.shipped_cross_fitted.metrics("cross_fitted")
        | training.twin_on_test.metrics("test")
        | parity_metrics(conversions.shipped.parity)
        | {
            "twin_rank_correlation": agreed.rank_correlation,
            "twin_psi": agreed.psi,
            "twin_changed_decisions": agreed.changed_decisions,
            "shipped_rows": training.split.known.y.size + training.split.test.y.size,
            "twin_rows": training.split.known.y.size,
        }
    )


def _parameters(training: Training) -> dict[str, str]:
    split = training.split
    days = {
        "data_cutoff": training.cutoff,
        "first_day": split.first_day,
        "test_start": split.test_start,
        "last_day": split.last_day,
    }
    # All that the bytes of the models depend on, beside the applications.
    recipe = msgspec.to_builtins(training.recipe) | {
        "seed": training.seed,
        "parallel_trials": training.parallel_trials,
        "nodes": training.nodes,
    }
    return {name: str(value) for name, value in (recipe | days).items()}
