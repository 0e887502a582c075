"""Reading `gate.json`: as the gate writes it, and never more hopeful than the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fraud.verdict import Verdict
from train.replay.errors import ReplayError
from train.replay.gate_result import read_gate_result


def interval(estimate: float) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - 0.01, "high": estimate + 0.01}


def gate_json(**changes: Any) -> dict[str, Any]:
    quality = {
        "candidate": 2,
        "champion": 1,
        "versus_champion": {
            "average_precision": {"name": "average precision", "champion": interval(0.2), "candidate": interval(0.3)}
        },
        "versus_chance": None,
    }
    latency = {"kinds": [{"name": name, "p50_ratio": interval(r)} for name, r in (("single", 1.0), ("batch_100", 1.3))]}
    report = {"verdict": "pass", "exit_status": 0, "reasons": ["AUC-PR: better"], "error": None}
    return report | {"quality": quality, "latency": latency} | changes


def written(folder: Path, report: dict[str, Any]) -> Path:
    (folder / "gate.json").write_text(json.dumps(report))
    return folder


def test_the_figures_of_the_table(tmp_path: Path) -> None:
    result = read_gate_result(written(tmp_path, gate_json()), 0)
    assert (result.verdict, result.champion_ap, result.candidate_ap) == (Verdict.PASS, 0.2, 0.3)
    assert result.worst_median_ratio == 1.3


def test_the_first_candidate_has_no_champion(tmp_path: Path) -> None:
    alone = {
        "candidate": 1,
        "champion": None,
        "versus_champion": None,
        "versus_chance": {"evaluation": {"average_precision": interval(0.25)}, "p_value": 0.001},
    }
    result = read_gate_result(written(tmp_path, gate_json(quality=alone)), 0)
    assert (result.champion_ap, result.candidate_ap) == (None, 0.25)


def test_a_candidate_refused_by_its_quality_has_no_latency(tmp_path: Path) -> None:
    result = read_gate_result(written(tmp_path, gate_json(verdict="fail", latency=None)), 10)
    assert (result.verdict, result.worst_median_ratio) == (Verdict.FAIL, None)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        pytest.param(10, json.dumps(gate_json()), "says pass", id="another verdict than the exit status"),
        pytest.param(0, "{", "can't be read", id="half a file"),
        pytest.param(0, '{"verdict": "splendid"}', "can't be read", id="no report"),
    ],
)
def test_a_contradictory_result_is_an_error(tmp_path: Path, status: int, content: str, words: str) -> None:
    (tmp_path / "gate.json").write_text(content)
    with pytest.raises(ReplayError, match=words):
        read_gate_result(tmp_path, status)


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="status 0"):
        read_gate_result(tmp_path, 0)
