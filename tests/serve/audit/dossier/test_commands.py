"""The commands on a running system: a dossier is made there, and checked where there is nothing but its file."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LiveStack

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def application(client: httpx.Client) -> str:
    """One that was scored alone, and once more in a batch."""
    name = f"application-{uuid.uuid4().hex}"
    own = {**EXAMPLE_INSTANCE, "application_id": name}
    other = {**EXAMPLE_INSTANCE, "application_id": "somebody-else", "Client_Income": 31_337}
    assert client.post("/predict?reasons=3", json=own).status_code == 200
    assert client.post("/batch_predict", json={"instances": [other, own]}).status_code == 200
    return name


def run(stack: LiveStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(stack.environment | {name: value for name, value in stack.addresses.items() if value}, *arguments)


def run_elsewhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Without any setting of ours."""
    return _run({"PATH": "/usr/bin:/bin", "DATABASE_URL": "no database", "MLFLOW_TRACKING_URI": "none"}, *arguments)


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.audit", *arguments],
        env=environment | {"PYTHONPATH": str(ROOT)},
        cwd=Path(environment.get("RUN_DIR", "/tmp")).parent,  # noqa: S108 - nothing is written there
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_court_s_dossier_is_checked_without_a_system(stack: LiveStack, application: str, tmp_path: Path) -> None:
    made = run(stack, "dossier", str(tmp_path), "--application", application, "--for", "court", "--annex")
    assert made.returncode == 0, made.stderr
    file = tmp_path / "dossier.json"
    said = json.loads(file.read_bytes())["dossier"]
    assert [len(answer["sent"]) for answer in said["answers"]] == [10, 10]
    assert said["answers"][0]["agrees"] is True
    assert said["answers"][0]["model"]["card"].startswith("# Probability of a quick divorce")
    page = (tmp_path / "dossier.html").read_text()
    assert application in page
    assert "31337" not in page.replace(",", "")
    checked = run_elsewhere("check", str(file), "--annex", str(tmp_path / "annex.json"))
    assert checked.returncode == 20, checked.stderr
    assert "answer 2: the values, the id and the reasons given match the digest" in checked.stdout
    assert "differs" not in checked.stdout


def test_a_changed_digit_is_named(stack: LiveStack, application: str, tmp_path: Path) -> None:
    assert run(stack, "dossier", str(tmp_path), "--application", application).returncode == 0
    file = tmp_path / "dossier.json"
    said = file.read_text()
    income = f'"Client_Income": {EXAMPLE_INSTANCE["Client_Income"]}'
    assert income in said
    file.write_text(said.replace(income, '"Client_Income": 13501', 1))
    checked = run_elsewhere("check", str(file))
    assert checked.returncode == 10
    assert "sent.Client_Income: the dossier says 13501.0, but the record 13500.0" in checked.stdout


def test_an_unrecorded_application_is_named(stack: LiveStack, tmp_path: Path) -> None:
    made = run(stack, "dossier", str(tmp_path), "--application", "nobody's")
    assert (made.returncode, list(tmp_path.iterdir())) == (10, [])
    assert "nothing is on record" in made.stderr
    both = run(stack, "dossier", str(tmp_path), "--application", "a", "--request", "b")
    assert both.returncode == 2
    assert "expected either" in both.stderr
    missing = run_elsewhere("check", str(tmp_path / "none.json"))
    assert (missing.returncode, "can't be read" in missing.stderr) == (2, True)
