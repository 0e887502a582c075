"""The recipe of the version in production, fitted again on what is known by now: for when no better one was found."""

from __future__ import annotations

import datetime as dt
from typing import Final

from fraud.progress import ShowStep
from fraud.registry import RECIPE_TAG, REFRESHED_FROM_TAG, RETRAINING_REASON_TAG, ModelVersion, Registry
from train.dataset import load_dataset
from train.recipe import Recipe
from train.registration import convert_both, known_labels_tag, register
from train.training import train_recipe

REASON: Final = "refreshed: its recipe, fitted again on newer applications"


def why_not_refreshed(champion: ModelVersion, cutoff: dt.date) -> str | None:
    """What keeps the champion's recipe from being fitted again; None when nothing does."""
    if RECIPE_TAG not in champion.tags:
        return f"version {champion.version} does not say its recipe: an earlier version of this project trained it"
    if cutoff <= champion.data_cutoff:
        return f"version {champion.version} already knows all applications before {cutoff}"
    return None


def refresh(
    dsn: str,
    registry: Registry,
    champion: ModelVersion,
    cutoff: dt.date,
    *,
    known_before: dt.datetime | None = None,
    seed: int,
    threads: int,
    progress: ShowStep,
) -> ModelVersion:
    """Register a version of the champion's recipe, with a twin of its own to be judged by; it has no alias yet.

    Args:
        dsn: of the database with the table of applications.
        registry: where the champion is and the new version goes.
        champion: a version that `why_not_refreshed` has nothing against.
        cutoff: applications from this day on are unknown.
        known_before: outcomes that were recorded from then on are unknown; None: none of them.
        seed: of everything drawn at random.
        threads: to fit with.
        progress: gets the state of each step.

    Raises:
        RecipeError: the version's recipe can't be read.
        DatasetError, DatabaseError: the applications can't be read or trained on.
        ParityError: a converted model is another one; nothing is registered.
        RegistryError: the registry does not answer.
    """
    recipe = Recipe.from_json(champion.tags[RECIPE_TAG].encode())
    progress("fitting the champion's recipe again", 0, 1)
    dataset = load_dataset(dsn, cutoff, known_before)
    training = train_recipe(recipe, dataset, cutoff, seed=seed, threads=threads)
    progress("fitting the champion's recipe again", 1, 1)
    conversions = convert_both(training, dataset, progress)
    tags = known_labels_tag(dataset) | {REFRESHED_FROM_TAG: str(champion.version), RETRAINING_REASON_TAG: REASON}
    version, _ = register(dsn, registry, training, conversions, tags)
    return version
