"""Applicants change: the monitor finds it, one retraining is claimed, the gate decides, and the new version serves.

All of it runs as it does in operation: requests over HTTP, the prediction log, commands, PostgreSQL, MLflow.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES
from fraud.registry import PRODUCTION, RETRAINING_REASON_TAG, Registry
from fraud.settings import DatabaseRole
from tests.instances import instances_of
from tests.live_stack import LENIENT_GATE, LOGIN, LiveStack, project_environment, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch

pytestmark = pytest.mark.timeout(600)

FIRST_DAY = "2025-01-01"
"""Of the new wave: the first version knows nothing of it."""
RETRAINED = "2025-12-01"
YOUNG_DAYS = 9855
ROWS = 1500
COLUMNS = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
GATE = LENIENT_GATE | {"GATE_RULE": "superior", "GATE_LEVEL": "0.05"}
"""As strict as ever about AUC-PR, and lenient about the latency of a machine that runs tests."""


@dataclass(frozen=True)
class Site:
    """A registered model with a server and a run folder of its own, on the session's stack."""

    stack: LiveStack
    registry: Registry
    url: str
    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def check(self) -> int:
        """The exit status of a check of everything up to now, as the day after today will see it."""
        tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
        return self.command("jenkins.drift", "check", "--today", tomorrow.isoformat()).returncode

    def verdict(self) -> dict[str, Any]:
        verdict: dict[str, Any] = json.loads((self.folder / "drift" / "verdict.json").read_bytes())
        return verdict

    def served(self) -> int:
        return int(httpx.get(self.url + "/model-info", headers=LOGIN).json()["model_version"])

    def applications(self, which: str) -> NDArray[np.float64]:
        """Some that a condition of SQL selects: of what a version was trained on, its answers would be too sure."""
        query = f'SELECT {COLUMNS} FROM divorce_predictions WHERE {which} ORDER BY "Date", application_id'  # noqa: S608
        found = np.array(fetch(self.stack.dsn(DatabaseRole.TRAINER), query), np.float64)
        return np.random.default_rng(1).choice(found, ROWS)

    def send(self, rows: NDArray[np.float64]) -> None:
        """Have them scored, and return once they are counted."""
        counted = "SELECT coalesce(sum(applications), 0)::int FROM drift_hours WHERE model_sha256 = decode(%s, 'hex')"
        sha256 = httpx.get(self.url + "/model-info", headers=LOGIN).json()["sha256"]
        before = fetch(self.stack.owner_dsn, counted, sha256)[0][0]
        for start in range(0, len(rows), 500):
            instances = instances_of(rows[start : start + 500])
            answer = httpx.post(self.url + "/batch_predict", json={"instances": instances}, headers=LOGIN, timeout=30)
            assert answer.status_code == 200, answer.text
        wait_until(
            lambda: fetch(self.stack.owner_dsn, counted, sha256)[0][0] == before + len(rows), 20, "they are counted"
        )


@pytest.fixture
def site(stack: LiveStack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    model, folder = str(request.node.name), tmp_path
    given = {name: value for name, value in {**stack.secrets, **stack.addresses}.items() if value is not None}
    settings = {
        **given,
        **GATE,
        "MODEL_NAME": model,
        # Counts belong to a model's bytes: each test has its own.
        "TRAIN_SEED": str(crc32(model.encode())),
        "RUN_DIR": str(folder),
        # Other tests have requests answered too, by other models.
        "DRIFT_OWN_VERSION_ONLY": "true",
    }
    first = subprocess.run(
        [sys.executable, "-m", "train", "--today", FIRST_DAY, "--promote-first"],
        env=project_environment(**settings),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert first.returncode == 0, first.stderr
    with server_beside(stack, folder, MODEL_NAME=model, SERVE_WORKERS="1") as url:
        address = urlsplit(url)
        environment = project_environment(
            **settings | {"SERVE_HOST": str(address.hostname), "SERVE_PORT": str(address.port)}
        )
        yield Site(stack, Registry(stack.tracking_uri, model), url, folder, environment)


def a_wave_is_found_and_claimed(site: Site) -> None:
    site.send(site.applications(f"\"Date\" >= '2024-09-01' AND \"Date\" < '{FIRST_DAY}'"))
    assert site.check() == 0, site.verdict()["reasons"]
    assert site.command("jenkins.drift", "claim").returncode == 2, "no drift, no claim"
    site.send(site.applications(f'"Age_Days" < {YOUNG_DAYS}'))
    assert site.check() == 10, site.verdict()["reasons"]
    assert any("Age_Days" in reason for reason in site.verdict()["reasons"])
    assert site.command("jenkins.drift", "claim").returncode == 0
    assert site.served() == 1


def test_ordinary_applicants_change_nothing_and_a_new_wave_is_claimed_once(site: Site) -> None:
    a_wave_is_found_and_claimed(site)
    assert site.command("jenkins.drift", "claim").returncode == 10
    assert site.verdict()["retraining"]["granted"] is False


@pytest.mark.long
def test_a_retraining_ends_the_drift(site: Site) -> None:
    a_wave_is_found_and_claimed(site)
    retraining = site.command("jenkins.retrain", "--today", RETRAINED, "--reason", "drift: Age_Days")
    assert retraining.returncode == 0, retraining.stdout + retraining.stderr
    assert site.served() == 2
    version = site.registry.version_of(PRODUCTION)
    assert version is not None
    assert (version.version, version.tags[RETRAINING_REASON_TAG]) == (2, "drift: Age_Days")

    assert site.check() == 20, "the new version has not answered anybody yet"
    site.send(site.applications(f"\"Date\" >= '2025-08-01' AND \"Date\" < '{RETRAINED}'"))
    assert site.check() == 0, site.verdict()["reasons"]
    assert site.command("jenkins.drift", "claim").returncode == 2, "the drift is over"
