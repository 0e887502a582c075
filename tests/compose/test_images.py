"""The images, built from their Dockerfiles and run by their own entry points as their own users, work together.

Needs root and Debian's buildah and debootstrap, and takes some ten minutes. Bases are Debian's own, since no registry
of images is asked: what the official PostgreSQL and Jenkins images add is not proven here.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from fraud.registry import CANDIDATE, PRODUCTION, Registry
from tests.compose.compose_file import ROOT, raw_project
from tests.compose.engine import Engine, Image, missing
from tests.compose.site import Site
from tests.live_stack import wait_until

MB = 1_000_000
BUILT = ("postgres", "mlflow-server", "mlflow-train", "fastapi", "jenkins-agent")
"""All but Jenkins's controller, whose base can't be had or stood in for."""

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="scoring-images-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    made = Engine(folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def images(engine: Engine) -> dict[str, Image]:
    python = engine.make_base()
    bases = {
        "PYTHON_IMAGE": python,
        "POSTGRES_IMAGE": engine.make_base_from("postgres", python),
        "AGENT_IMAGE": engine.make_base_from("remoting", python),
    }
    services = raw_project()["services"]
    built = {}
    for name in BUILT:
        build = services[name]["build"]
        built[name] = engine.build(name, ROOT / build["dockerfile"], ROOT, bases, build.get("target"))
    return built


@pytest.fixture(scope="module")
def site(engine: Engine, images: dict[str, Image], folder: Path) -> Iterator[Site]:
    """Everything that `docker compose up` starts, but Jenkins, in its order."""
    made = Site(engine, images, folder)
    try:
        made.start("postgres")
        made.start("mlflow-server")
        trained = made.run("mlflow-train")
        assert trained.returncode == 0, trained.stdout[-4000:] + trained.stderr[-4000:]
        made.start("fastapi")
        yield made
    finally:
        made.close()


def records(site: Site) -> int:
    with connect(site.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM prediction_logs")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def test_the_images_are_as_small_as_they_are_said_to_be(images: dict[str, Image]) -> None:
    sizes = {name: round(image.size_bytes / MB) for name, image in images.items()}
    print(json.dumps(sizes))  # noqa: T201 - shown by pytest -s, for docs/how-to/docker.md
    assert sizes["fastapi"] < 800
    assert sizes["fastapi"] < sizes["mlflow-train"] < sizes["jenkins-agent"] < 2500


def test_no_image_runs_as_root(images: dict[str, Image]) -> None:
    assert {name: image.user for name, image in images.items()} == {
        "postgres": "postgres",
        **dict.fromkeys(("mlflow-server", "mlflow-train", "fastapi"), "10001:10001"),
        "jenkins-agent": "1000:1000",
    }


def test_the_serving_image_can_import_nothing_that_trains(site: Site) -> None:
    unwanted = ("xgboost", "sklearn", "pandas", "scipy", "flask", "pip", "train", "bench")
    check = f"from importlib.util import find_spec; print([name for name in {unwanted!r} if find_spec(name)])"
    found = site.run("fastapi", "python", "-c", check)
    assert (found.returncode, found.stdout.strip()) == (0, "[]"), found.stderr


def test_the_image_scores_every_form_and_records_every_answer(site: Site) -> None:
    before = records(site)
    single = httpx.post(site.url + "/predict", json=EXAMPLE_INSTANCE, headers=site.key, timeout=30)
    assert single.status_code == 200, single.text
    probability = single.json()["probability"]
    batch = httpx.post(
        site.url + "/batch_predict", json={"instances": [EXAMPLE_INSTANCE] * 3}, headers=site.key, timeout=30
    )
    assert batch.json()["probabilities"] == [probability] * 3
    table = pa.table({name: [float(EXAMPLE_INSTANCE[name])] for name in FEATURE_NAMES})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    arrow = httpx.post(
        site.url + "/batch_predict",
        content=sink.getvalue().to_pybytes(),
        headers={**site.key, "Content-Type": "application/vnd.apache.arrow.stream", "Accept": "application/json"},
        timeout=30,
    )
    assert arrow.json()["probabilities"] == [probability]
    wait_until(lambda: records(site) == before + 5, 20, "five records arrive")


def test_mlflow_is_reached_through_the_server_with_its_password_only(site: Site) -> None:
    search = site.url + "/mlflow/api/2.0/mlflow/registered-models/search"
    assert httpx.get(search).status_code == 401
    found = httpx.get(search, auth=("admin", site.secrets["ADMIN_PASSWORD"]), timeout=30)
    assert [model["name"] for model in found.json()["registered_models"]] == ["divorce-model"]


def test_an_auditor_finds_the_record_whole(site: Site) -> None:
    login = {"AUDITOR_DB_PASSWORD": site.secrets["AUDITOR_DB_PASSWORD"]}
    audited = site.run("fastapi", "python", "-m", "serve.audit", "verify", **login)
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_the_first_model_is_trained_once(site: Site) -> None:
    again = site.run("mlflow-train")
    assert again.returncode == 0, again.stderr
    assert "in production already" in again.stdout


def test_the_agent_retrains_as_jenkins_would(site: Site) -> None:
    registry = Registry(site.tracking_uri, "divorce-model", timeout_s=10)
    first = registry.version_of(PRODUCTION)
    assert first is not None
    few = {"GATE_EFFORT": '{"window_s": 0.5, "min_pairs": 2, "max_pairs": 2}', "TODAY": "2025-06-01"}
    retrained = site.run("jenkins-agent", "python", "-m", "jenkins.retrain", "--reason=test", **few)
    # Promoted, rejected or undecided: a verdict, and no error.
    assert retrained.returncode in {0, 10, 20}, retrained.stdout[-3000:] + retrained.stderr[-3000:]
    candidate = registry.version_of(CANDIDATE)
    assert candidate is not None
    assert candidate.version > first.version
    assert candidate.tags["gate_verdict"] in {"pass", "fail", "inconclusive"}


def test_the_agent_looks_for_drift_and_says_that_it_has_seen_too_little(site: Site) -> None:
    checked = site.run("jenkins-agent", "python", "-m", "jenkins.drift", "check")
    assert checked.returncode == 20, checked.stdout + checked.stderr


def test_a_stop_answers_what_is_open_ships_what_waits_and_a_new_container_needs_no_registry(site: Site) -> None:
    before = records(site)
    answered = [
        httpx.post(site.url + "/predict", json=EXAMPLE_INSTANCE, headers=site.key, timeout=30).status_code
        for _ in range(20)
    ]
    assert answered == [200] * 20
    assert site.stop("fastapi", "-m serve") == 0, site.log("fastapi")[-4000:]
    assert records(site) == before + 20
    assert site.stop("mlflow-server", "mlflow") in {0, 143}
    site.start("fastapi")
    assert httpx.get(site.url + "/model-info", headers=site.key).json()["status"] == "ready"
    site.start("mlflow-server")
