"""Training on a Ray cluster of several nodes: the search finds what one machine finds, whatever node is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import xgboost

from fraud.registry import CANDIDATE, Registry
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from tests.live_stack import project_environment, wait_until
from tests.ray_nodes import RayNodes, ray_nodes
from tests.train.conftest import synthetic_dataset
from tests.train.quick_search import shorten_search
from tests.train.ray_training import SEED, applications, recipe
from train.dataset import Dataset
from train.search import search
from train.split import folds

ROOT = Path(__file__).parents[2]
NODES = 3
TRIALS = 6
TREES = 60
A_FIT = "ray::_curve"
A_NODE_THAT_GROWS = "ray::_Node.grow"
MOST_DIFFERENCE = 0.002
"""Of average precision, between trees of several nodes and those of one machine."""

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    with ray_nodes(tmp_path_factory.mktemp("nodes"), NODES) as nodes:
        yield nodes


def _begin(cluster: RayNodes, *arguments: object, **settings: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.train.ray_training", *map(str, arguments)],
        env=project_environment(**cluster.settings, **settings, PYTHONPATH=path),
        cwd=cluster.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(process: subprocess.Popen[str], status: int = 0) -> str:
    """The last line that it prints; all that it prints to stderr where it fails."""
    try:
        told, errors = process.communicate(timeout=250)
    finally:
        process.kill()
    assert process.returncode == status, errors
    return errors if status else told.splitlines()[-1]  # Ray tells of lost nodes above it


def _grown(cluster: RayNodes, nodes: int, trees: int = TREES) -> bytes:
    return bytes.fromhex(_answer(_begin(cluster, "grow", cluster.address, nodes, trees)))


@pytest.fixture(scope="module")
def of_two_nodes(ray_cluster: RayNodes) -> bytes:
    return _grown(ray_cluster, 2)


def _found_here(parallel: int, monkeypatch: pytest.MonkeyPatch) -> str:
    shorten_search(monkeypatch)
    trials = search(folds(applications()), SEED, 2, lambda *_: None, trials=TRIALS, parallel=parallel)
    return msgspec.json.encode(trials).decode()


def _precision(model: bytes, test: Dataset) -> float:
    booster = xgboost.Booster()
    booster.load_model(bytearray(model))
    return average_precision(rank(test.y, booster.inplace_predict(test.x)))


@pytest.mark.parametrize("parallel", [1, pytest.param(3, marks=pytest.mark.long)])
def test_search_on_a_cluster_finds_what_one_machine_finds(
    ray_cluster: RayNodes, parallel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _answer(_begin(ray_cluster, "search", ray_cluster.address, TRIALS, parallel))
    assert found == _found_here(parallel, monkeypatch)


@pytest.mark.long
def test_command_on_a_cluster_registers_the_model_of_one_machine(
    ray_cluster: RayNodes, filled_table: str, mlflow_uri: str, tmp_path: Path
) -> None:
    known = "2024-03-21T00:00:00+00:00"
    hashes = []
    for name, engine in (("here", ()), ("there", ("--engine", "ray", "--address", ray_cluster.address))):
        command = ("command", "--today", "2024-03-20", "--labels-known-before", known, "--threads", 2, *engine)
        settings = {
            "RUN_DIR": str(tmp_path),
            "DATABASE_URL": filled_table,
            "MLFLOW_TRACKING_URI": mlflow_uri,
            "MODEL_NAME": name,
        }
        _answer(_begin(ray_cluster, *command, **settings))
        version = Registry(mlflow_uri, name).version_of(CANDIDATE)
        assert version is not None
        hashes.append(version.sha256)
    assert hashes[0] == hashes[1]


def test_trees_of_two_nodes_are_as_good_as_those_of_one_machine(of_two_nodes: bytes) -> None:
    alone = bytes(recipe(TREES).grow(applications(), SEED, 2).save_raw("ubj"))
    assert of_two_nodes != alone
    test = synthetic_dataset(200_000, 30, 11)
    assert _precision(of_two_nodes, test) == pytest.approx(_precision(alone, test), abs=MOST_DIFFERENCE)


@pytest.mark.long
def test_same_number_of_nodes_grows_the_same_trees(ray_cluster: RayNodes, of_two_nodes: bytes) -> None:
    assert _grown(ray_cluster, 2) == of_two_nodes
    assert _grown(ray_cluster, 3) != of_two_nodes


@pytest.mark.long
def test_lost_node_makes_the_others_grow_the_trees_again(ray_cluster: RayNodes) -> None:
    expected = _grown(ray_cluster, 2, 600)
    process = _begin(ray_cluster, "grow", ray_cluster.address, 2, 600)
    lost = _wait_for_work(ray_cluster, process, A_NODE_THAT_GROWS)
    ray_cluster.kill(lost)
    assert process.poll() is None, process.communicate()
    assert bytes.fromhex(_answer(process)) == expected


@pytest.mark.long
def test_lost_node_of_the_search_changes_nothing(ray_cluster: RayNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    process = _begin(ray_cluster, "search", ray_cluster.address, TRIALS, 1)
    lost = _wait_for_work(ray_cluster, process, A_FIT)
    ray_cluster.kill(lost)
    assert process.poll() is None, process.communicate()
    assert _answer(process) == _found_here(1, monkeypatch)


def test_too_few_nodes_are_told(ray_cluster: RayNodes) -> None:
    process = _begin(ray_cluster, "grow", ray_cluster.address, NODES + 1, TREES)
    errors = _answer(process, 2)
    assert f"--nodes {NODES + 1}: the Ray cluster has " in errors
    assert "expected as many nodes" in errors


def _wait_for_work(cluster: RayNodes, process: subprocess.Popen[str], title: str) -> int:
    """The number of a node that does such work."""
    found: list[int] = []

    def is_working() -> bool:
        found[:] = [number for number in range(1, NODES + 1) if title in cluster.titles(number)]
        return bool(found) or process.poll() is not None

    wait_until(is_working, 200, f"{title} runs")
    assert found, process.communicate()
    return found[0]
