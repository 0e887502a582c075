"""The whole way from the table of applications to a registered version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from fraud.features import FEATURES
from fraud.progress import ShowStep
from fraud.registry import CANDIDATE, PRODUCTION, RECIPE_TAG, RETRAINING_REASON_TAG, ModelVersion, Registry
from train.agreement import Agreement
from train.artifacts import Conversions
from train.cluster import Cluster
from train.dataset import load_dataset
from train.recipe import Recipe, checked_excluded
from train.registration import convert_both, known_labels_tag, register
from train.servable import why_unservable
from train.training import Training, train_model


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the pipeline made."""

    training: Training
    conversions: Conversions
    agreement: Agreement
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
    excluded: Iterable[str] | None = None,
    known_before: dt.datetime | None = None,
    parallel_trials: int = 1,
    where: AbstractContextManager[Cluster | None] | None = None,
) -> Outcome:
    """Train on the applications before `cutoff`, prove the conversions, and register the result as candidate.

    Args:
        dsn: of the database with the table of applications.
        registry: where the version goes.
        cutoff: applications from this day on are unknown to training.
        seed: of everything drawn at random.
        threads: of XGBoost; they change the time, not the model.
        promote_first: put the version into production when the registry says that no version is there, or when the
            the existing one can no longer be served.
        progress: gets the state of each step.
        reason: why it is trained, kept as a tag of the version.
        excluded: features on which no tree may split; None: those of the version in production.
        known_before: outcomes that were recorded from then on are unknown to training; None: none of them.
        parallel_trials: recipes that the search asks for at a time.
        where: connects to a cluster until the models are trained; None: they are trained here.

    Raises:
        RegistryError: the registry does not answer; asked first, so that nobody trains in vain.
        RecipeError: there is no such feature to leave out.
        DatasetError, DatabaseError: the applications can't be read or trained on.
        ClusterError: the cluster lost too much of what ran on it; nothing is registered.
        ParityError: a converted model is another one; nothing is registered.
    """
    progress("asking the registry", 0, 1)
    production = registry.version_of(PRODUCTION)
    left_out = checked_excluded(excluded_of(production) if excluded is None else excluded)
    progress("asking the registry", 1, 1)

    with where or nullcontext() as cluster:
        progress("reading applications", 0, 1)
        dataset = load_dataset(dsn, cutoff, known_before)
        progress("reading applications", 1, 1)

        training = train_model(
            *(dataset, cutoff, seed, threads, lambda done, all_: progress("search", done, all_)),
            monotone={feature.name: feature.monotone for feature in FEATURES if feature.monotone},
            excluded=left_out,
            parallel_trials=parallel_trials,
            cluster=cluster,
        )
    conversions = convert_both(training, dataset, progress)

    progress("registering", 0, 1)
    tags = known_labels_tag(dataset) | ({} if reason is None else {RETRAINING_REASON_TAG: reason})
    version, agreed = register(dsn, registry, training, conversions, tags)
    registry.set_alias(CANDIDATE, version.version)
    serving = _promote(registry, version, promote_first)
    progress("registering", 1, 1)
    return Outcome(training, conversions, agreed, version, serving)


def excluded_of(version: ModelVersion | None) -> tuple[str, ...]:
    """The features that a version excludes, so that a retraining excludes them too; an earlier version excludes none.

    Raises:
        RecipeError: the version's recipe can't be read.
    """
    if version is None or RECIPE_TAG not in version.tags:
        return ()
    return Recipe.from_json(version.tags[RECIPE_TAG].encode()).excluded


def _promote(registry: Registry, version: ModelVersion, promote_first: bool) -> int | None:
    """Promote the version if requested and possible; returns the version in production."""
    production = registry.version_of(PRODUCTION)
    if promote_first and (production is None or why_unservable(registry, production) is not None):
        registry.set_alias(PRODUCTION, version.version)
        return version.version
    return None if production is None else production.version
