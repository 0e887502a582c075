"""The drift monitor's pipeline, whatever its retraining ends with: only what was decided uses up the claim.

Commands are played here, since ends such as a busy machine can't be had on demand; the pipelines are the real ones.
"""

from __future__ import annotations

import pytest

from tests.jenkins.pipeline_runs import Jobs, Run, need_groovy, run_jobs

GIVE_BACK = "Give the claim back"
PYTHON = """#!/bin/sh
case "$*" in
    "-m jenkins.drift check") exit 10 ;;
    "-m jenkins.retrain --stage gate "*) exit "$GATE" ;;
    *) exit 0 ;;
esac
"""
ENDS = {"promoted": "0", "rejected": "10", "busy": "20", "fault": "30", "error": "2", "crash": "1"}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A night with drift and a granted claim for each end of the gate."""
    need_groovy()
    folder = tmp_path_factory.mktemp("nights")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)
    controllers = [Jobs([("drift-monitor", {})], {"GATE": status}, programs=programs) for status in ENDS.values()]
    return dict(zip(ENDS, run_jobs(folder, *controllers), strict=True))


@pytest.mark.parametrize(
    ("end", "monitor", "retrain"),
    [("promoted", "SUCCESS", "SUCCESS"), ("rejected", "UNSTABLE", "UNSTABLE")],
)
def test_a_decision_uses_up_the_claim(nights: dict[str, Run], end: str, monitor: str, retrain: str) -> None:
    night, retraining = nights[end].last("drift-monitor"), nights[end].last("retrain")
    assert (night.result, retraining.result) == (monitor, retrain), night.log
    assert night.stages == {"Check": "SUCCESS", "Retrain": monitor, GIVE_BACK: "SKIPPED"}


@pytest.mark.parametrize(
    ("end", "result"), [("busy", "UNSTABLE"), ("fault", "FAILURE"), ("error", "FAILURE"), ("crash", "FAILURE")]
)
def test_an_undecided_run_gives_the_claim_back(nights: dict[str, Run], end: str, result: str) -> None:
    night, retraining = nights[end].last("drift-monitor"), nights[end].last("retrain")
    assert (night.result, retraining.result) == (result, result), night.log
    assert night.stages == {"Check": "SUCCESS", "Retrain": result, GIVE_BACK: "SUCCESS"}, night.log
    assert night.shells[-1][1] == 'python -m jenkins.drift give-back --reason "$UNDECIDED"'
    assert f"retraining #1: {result}" in (night.description or "")
