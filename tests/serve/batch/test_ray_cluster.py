"""Files scored on a Ray cluster of several nodes: the answers are those of one machine, whatever node is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.batch.worker import ModelChoice
from tests.live_stack import wait_until
from tests.ray_nodes import RayNodes, ray_nodes
from tests.serve.batch.scoring_files import NAME, VERSION, batch_command, good_rows, score, table_of, write_table

NODES = 2

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    with ray_nodes(tmp_path_factory.mktemp("nodes"), NODES) as nodes:
        yield nodes


def _files(folder: Path, count: int) -> list[Path]:
    rows = good_rows(40_000, seed=8)
    rows[1_700, 3] = -1
    first = write_table(table_of(rows), folder / "in-00.parquet")
    others = [folder / f"in-{number:02d}.parquet" for number in range(1, count)]
    for path in others:
        path.write_bytes(first.read_bytes())
    return [first, *others]


def _run(model: ModelChoice, ray_cluster: RayNodes, *arguments: object) -> subprocess.Popen[str]:
    address = ("--engine", "ray", "--address", ray_cluster.address)
    return batch_command(model.run_dir, *arguments, *address, **ray_cluster.settings)


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-??????.*"))


def test_answers_of_a_cluster_are_those_of_one_machine(
    model: ModelChoice, ray_cluster: RayNodes, tmp_path: Path
) -> None:
    files = _files(tmp_path, 4)
    process = _run(model, ray_cluster, *files, tmp_path / "out.csv")
    told, errors = process.communicate(timeout=200)
    assert process.returncode == 30, errors
    assert "160,000 rows" in told
    score(model, files, tmp_path / "one.csv")
    for end in ("", ".rejected.csv"):
        assert (tmp_path / f"out.csv{end}").read_bytes() == (tmp_path / f"one.csv{end}").read_bytes()


def test_each_node_has_the_model_once_and_verified(ray_cluster: RayNodes, model: ModelChoice) -> None:
    sha256 = model.fetch_version(VERSION, None).sha256
    for number in range(1, NODES + 1):
        run_dir = ray_cluster.run_dir(number)
        copies = list(run_dir.rglob("model.onnx"))
        assert copies == [run_dir / "models" / NAME / str(VERSION) / "model.onnx"]
        assert ModelChoice(run_dir, NAME, model.options).fetch_version(VERSION, None).sha256 == sha256


def test_a_fault_on_a_node_is_told_as_here(model: ModelChoice, ray_cluster: RayNodes, tmp_path: Path) -> None:
    source = write_table(table_of(good_rows(10_000)), tmp_path / "in.parquet")
    with source.open("r+b") as file:  # what stands in the footer is right
        file.seek(1_000)
        file.write(bytes(2_000))
    process = _run(model, ray_cluster, source, tmp_path / "out.csv")
    _, of_cluster = process.communicate(timeout=200)
    process = batch_command(model.run_dir, source, tmp_path / "out2.csv", "--workers", 2)
    _, here = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "in.parquet: can't be read" in here
    assert of_cluster == here


def test_a_node_that_is_lost_midway_loses_nothing(model: ModelChoice, ray_cluster: RayNodes, tmp_path: Path) -> None:
    files = _files(tmp_path, 60)
    process = _run(model, ray_cluster, *files, f"{tmp_path}/out/", "--format", "csv")
    wait_until(lambda: process.poll() is not None or len(_parts(tmp_path / "out")) > 3, 200, "parts are there")
    ray_cluster.kill(NODES)
    done = len(_parts(tmp_path / "out"))
    assert process.poll() is None, process.communicate()
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 30, errors
    assert done < len(files)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".csv", ".json", ""}
    score(model, files[:1], tmp_path / "one.csv")
    expected = (tmp_path / "one.csv").read_bytes()
    assert [path.read_bytes() == expected for path in _parts(tmp_path / "out")] == [True] * len(files)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        pytest.param("127.0.0.1:1", "no Ray cluster can be used at 127.0.0.1:1", id="nobody listens"),
        pytest.param("here", "expected HOST:PORT", id="no port"),
    ],
)
def test_an_address_without_a_cluster_is_told(model: ModelChoice, tmp_path: Path, address: str, told: str) -> None:
    source = write_table(table_of(good_rows(10)), tmp_path / "in.csv")
    process = batch_command(model.run_dir, source, tmp_path / "out.csv", "--engine", "ray", "--address", address)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert told in errors


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("--engine", "spark"), "expected one of processes, ray", id="unknown"),
        pytest.param(("--address", "here:1"), "expected --engine ray", id="address"),
        pytest.param(("--engine", "ray", "--record"), "expected only one of them", id="record"),
    ],
)
def test_contradictory_options_are_refused(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    process = batch_command(tmp_path, "in.csv", "out.csv", *arguments)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 2
    assert told in " ".join(errors.split())
