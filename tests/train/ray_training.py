"""Run by tests as `python -m tests.train.ray_training WAY ...`: what runs on a Ray cluster, in its own process.

`search ADDRESS TRIALS PARALLEL` prints what the search tried, `grow ADDRESS NODES TREES` a model of so many trees as
hexadecimal digits of its UBJSON, and `command ARGUMENTS` is `python -m train` with a search of seconds.
"""

from __future__ import annotations

import sys

import msgspec
import pytest

from fraud.command import EXIT_ERROR, print_error
from fraud.errors import ProjectError
from tests.train.conftest import synthetic_dataset
from tests.train.quick_search import shorten_search
from train.__main__ import app
from train.cluster import ray_cluster
from train.dataset import Dataset
from train.recipe import Recipe
from train.search import search
from train.split import folds

SEED = 7


def applications() -> Dataset:
    """So many that average precision tells two recipes apart."""
    return synthetic_dataset(40_000, 120, 3)


def recipe(trees: int) -> Recipe:
    """Rows and columns are drawn, and the older weigh less."""
    return Recipe(4, trees, 0.1, 0.8, 1.0, 60.0)


def main() -> None:
    """Do as the arguments say."""
    way, *arguments = sys.argv[1:]
    if way == "command":
        shorten_search(pytest.MonkeyPatch(), 2)
        app(arguments)
    try:
        told = _search(*arguments) if way == "search" else _grow(*arguments)
    except ProjectError as error:
        print_error(error)
        sys.exit(EXIT_ERROR)
    sys.stdout.write(told)


def _search(address: str, trials: str, parallel: str) -> str:
    shorten_search(pytest.MonkeyPatch())
    dataset = applications()
    parts = folds(dataset)
    with ray_cluster(address, None) as cluster:
        curve = cluster.curves(dataset, parts, SEED)
        found = search(
            *(parts, SEED, cluster.cores, lambda *_: None), trials=int(trials), parallel=int(parallel), curve=curve
        )
    return msgspec.json.encode(found).decode()


def _grow(address: str, nodes: str, trees: str) -> str:
    with ray_cluster(address, int(nodes)) as cluster:
        grown = recipe(int(trees)).grow(applications(), SEED, 1, cluster.grow)
    return bytes(grown.save_raw("ubj")).hex()


if __name__ == "__main__":
    main()
