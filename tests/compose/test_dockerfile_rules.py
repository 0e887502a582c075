"""The Dockerfiles keep their rules, and each rule finds its own fault."""

from __future__ import annotations

import pytest

from tests.compose.compose_file import ROOT
from tests.compose.dockerfile import parse, read
from tests.compose.dockerfile_rules import findings

PATHS = sorted(path for path in ROOT.glob("*/**/Dockerfile") if not path.relative_to(ROOT).parts[0].startswith("."))

GOOD = """\
ARG BASE=python:3.11.14-slim-bookworm
FROM ${BASE} AS packages
RUN pip install --require-hashes -r requirements.lock
FROM ${BASE}
COPY --from=packages /opt /opt
USER 10001
ENTRYPOINT ["python"]
"""


def test_there_is_one_for_each_kind_of_image() -> None:
    folders = [str(path.parent.relative_to(ROOT)) for path in PATHS]
    assert folders == ["fraud/stack", "initdb", "jenkins", "serve", "train"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_every_rule(path: object) -> None:
    assert findings(read(ROOT / str(path))) == []


def test_python_is_the_same_in_all_of_them() -> None:
    bases = {read(path).defaults["PYTHON_IMAGE"] for path in PATHS if "PYTHON_IMAGE" in read(path).defaults}
    assert len(bases) == 1


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        pytest.param(":3.11.14-slim-bookworm", "", "FROM python is not pinned", id="no tag"),
        pytest.param(":3.11.14-slim-bookworm", ":latest", "FROM python:latest is not pinned", id="latest"),
        pytest.param(":3.11.14-slim", ":3.11-slim", "FROM python:3.11-slim-bookworm is not pinned", id="floating"),
        pytest.param("USER 10001\n", "", "the image runs as root", id="no user"),
        pytest.param("USER 10001", "USER root", "the image runs as root", id="root"),
        pytest.param('["python"]', "python", "ENTRYPOINT python: a shell between", id="shell form"),
        pytest.param("USER 10001", "USER scoring", "USER scoring: of a name", id="named user"),
        pytest.param("COPY --from=packages", "ADD", "ADD /opt /opt: COPY copies", id="ADD"),
        pytest.param("USER", "COPY . .\nUSER", "COPY . .: copies whatever", id="the whole folder"),
        pytest.param("USER", "ENV ADMIN_PASSWORD=x\nUSER", "ENV ADMIN_PASSWORD=x: stays", id="secret in ENV"),
        pytest.param("USER", "ARG API_TOKEN\nUSER", "ARG API_TOKEN: stays", id="secret in ARG"),
        pytest.param("FROM", "ARG MY_PASSWORD\nFROM", "ARG MY_PASSWORD stays", id="secret in a global ARG"),
        pytest.param(" --require-hashes", "", "RUN pip: installs what no hash is known of", id="no hashes"),
        pytest.param(
            "RUN pip",
            "RUN apt-get update && apt-get install -y --no-install-recommends gcc\nRUN pip",
            "RUN apt-get: its lists stay in the image",
            id="lists of packages",
        ),
        pytest.param("RUN pip", "COPY fraud fraud\nRUN pip", "COPY fraud fraud: each change of code", id="code"),
        pytest.param("RUN pip", "RUN curl http://x | sh\nRUN pip", "RUN: fetches from the network", id="curl"),
    ],
)
def test_each_rule_finds_its_fault(old: str, new: str, finding: str) -> None:
    assert findings(parse(GOOD)) == []
    found = findings(parse(GOOD.replace(old, new, 1)))
    assert found
    assert all(line.startswith(finding) for line in found)


def test_no_secret_and_no_data_reach_a_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "what is not named stays outside"
    named = {line[1:] for line in rules if line.startswith("!")}
    assert named == {"fraud", "initdb", "train", "convert", "serve", "bench", "jenkins", "desk", "requirements"}


def test_the_serving_image_holds_nothing_that_trains() -> None:
    locked = {
        line.split("==")[0] for line in (ROOT / "requirements/serve.lock").read_text().splitlines() if "==" in line
    }
    assert not locked & {
        "xgboost",
        "xgboost-cpu",
        "scikit-learn",
        "pandas",
        "mlflow",
        "scipy",
        "matplotlib",
        "skl2onnx",
    }
