"""What only an engine enforces: rights, limits, networks, the length of logs; and what the images consist of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.compose.compose_file import raw_project
from tests.compose.stack import PROJECT, Stack, docker, missing

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
MB = 1_000_000
LOG_LIMIT_BYTES = 5 * 10 * 1024 * 1024
"""Of `docker-compose.yml`: five files of 10 MB."""
RUNNING = ("postgres", "mlflow-server", "fastapi", "jenkins", "jenkins-agent")
OUTSIDE = os.environ.get("OUTSIDE_ADDRESS", "")
"""host:port of something outside of the engine's networks that accepts connections."""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"


@pytest.mark.parametrize("service", RUNNING)
def test_a_service_has_no_rights_and_no_end_of_memory(docker_stack: Stack, service: str) -> None:
    status = docker_stack.execute(service, "cat", "/proc/1/status").stdout
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in values["Uid"].split()
    assert {values[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert values["NoNewPrivs"] == "1"
    assert docker_stack.execute(service, "sh", "-c", "echo x > /opt/written").returncode != 0
    host = docker_stack.inspect(service)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] > 0


@pytest.mark.skipif(not OUTSIDE, reason="nobody named an OUTSIDE_ADDRESS")
@pytest.mark.parametrize(
    ("service", "reaches_out", "expected"),
    [
        ("fastapi", "false", False),
        ("fastapi", "true", True),
        ("jenkins-agent", "true", False),
        ("mlflow-server", "true", False),
    ],
)
def test_only_the_server_reaches_out_and_only_if_it_is_let(
    docker_stack: Stack, service: str, reaches_out: str, *, expected: bool
) -> None:
    before = docker_stack.secrets.get("REACHES_OUT", "false")
    docker_stack.set(REACHES_OUT=reaches_out)
    project = f"{PROJECT}-{reaches_out}"  # a network keeps what it was made with
    try:
        command = ("run", "--rm", "--no-deps", "--entrypoint", "python", service, "-c", CONNECT, *OUTSIDE.split(":"))
        assert (docker_stack.compose(*command, project=project).returncode == 0) is expected
    finally:
        docker_stack.run("down", "--volumes", project=project)
        docker_stack.set(REACHES_OUT=before)


def test_a_log_is_rotated(docker_stack: Stack) -> None:
    name = f"{PROJECT}-talker"
    writes = "head -c 120000000 /dev/urandom | base64"
    command = ("run", "--no-deps", "--name", name, "--entrypoint", "sh", "mlflow-train", "-c", writes)
    try:
        assert docker_stack.compose(*command).returncode == 0
        (found,) = json.loads(docker("inspect", name))
        folder = Path(docker("info", "--format", "{{.DockerRootDir}}").strip()) / "containers" / found["Id"]
        files = [file for file in folder.rglob("*") if file.is_file() and "log" in file.name]
        assert 1 < len(files) <= 5
        assert sum(file.stat().st_size for file in files) <= LOG_LIMIT_BYTES
    finally:
        docker("rm", "--force", "--volumes", name)


def test_a_changed_line_of_code_is_a_small_layer(docker_stack: Stack) -> None:
    image = raw_project()["services"]["fastapi"]["image"]
    before = _layers(image)
    file = docker_stack.folder / "serve/__init__.py"
    file.write_text(file.read_text() + "# changed\n")
    docker_stack.run("build", "fastapi")
    after = _layers(image)
    new = [size for (_, size), layer in zip(_history(image), after, strict=True) if layer not in before]
    assert 1 <= len(new) <= 2
    assert sum(new) < 20 * MB


def test_the_images_are_as_small_as_they_are_said_to_be(docker_stack: Stack) -> None:
    assert docker_stack.folder.is_dir()
    sizes = {
        name: round(int(docker("image", "inspect", "--format", "{{.Size}}", service["image"])) / MB)
        for name, service in raw_project()["services"].items()
        if "build" in service
    }
    print(json.dumps(sizes))  # noqa: T201 - shown by pytest -s, for the documents
    assert sizes["fastapi"] < 800
    assert sizes["fastapi"] < sizes["mlflow-train"] < sizes["jenkins-agent"] < 1500


def test_the_serving_image_can_import_nothing_that_trains(docker_stack: Stack) -> None:
    unwanted = ("xgboost", "sklearn", "pandas", "scipy", "flask", "pip", "train", "bench")
    check = f"from importlib.util import find_spec; print([name for name in {unwanted!r} if find_spec(name)])"
    found = docker_stack.execute("fastapi", "python", "-c", check)
    assert (found.returncode, found.stdout.strip()) == (0, "[]"), found.stderr


def _layers(image: str) -> list[str]:
    found: list[str] = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    return found


def _history(image: str) -> list[tuple[str, int]]:
    """What made each layer, and its size in bytes, the lowest first; what made no layer is left out."""
    lines = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", image)
    rows = [line.split("\t", 1) for line in reversed(lines.splitlines())]
    layers = [(what, int(size)) for size, what in rows if what.split(" ")[0] in {"RUN", "COPY", "WORKDIR"}]
    base = len(_layers(image)) - len(layers)
    return [("base", 0)] * base + layers
