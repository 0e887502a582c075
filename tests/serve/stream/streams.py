"""Applications as messages, and bridges that score them as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fraud.features import FEATURE_NAMES
from serve.batch.worker import ModelChoice
from serve.engine import EngineOptions
from tests.live_stack import project_environment, wait_until
from tests.serve.batch.scoring_files import ROOT, VERSION, good_rows

FAULTY = {
    7: (b"not json", "not valid JSON"),
    11: (b"[1, 2]", "object"),
    40: (b'{"Client_Income": 1}', "missing"),
}
"""By place among the applications: what is none, and a word of the reason."""
NEGATIVE = 5
"""The place of an application with a value out of bounds."""
SPREAD = 6
"""The place of one on several lines."""


def bodies_of(count: int) -> list[bytes]:
    """Applications as JSON objects, some of which can't be scored."""
    rows = good_rows(count, seed=3).astype(np.float64)
    rows[NEGATIVE, 3] = -1
    objects = [
        {"application_id": f"a-{place}", **dict(zip(FEATURE_NAMES, row, strict=True))}
        for place, row in enumerate(rows.tolist())
    ]
    bodies = [json.dumps(found, indent=2 if place == SPREAD else None).encode() for place, found in enumerate(objects)]
    for place, (body, _) in FAULTY.items():
        bodies[place] = body
    return bodies


def expected_probabilities(model: ModelChoice, count: int) -> dict[int, np.float32]:
    """By place, of all that can be scored."""
    rows = good_rows(count, seed=3)
    good = [place for place in range(count) if place not in {*FAULTY, NEGATIVE}]
    scored = ModelChoice(model.run_dir, model.name, EngineOptions(kind=model.options.kind)).load(VERSION)
    return dict(zip(good, scored.engine.score(np.ascontiguousarray(rows[good])), strict=True))


def bridge(
    run_dir: Path, *arguments: object, module: Sequence[str] = ("serve.stream",), **settings: str
) -> subprocess.Popen[str]:
    """`python -m serve.stream` as a process of its own."""
    variables = {"RUN_DIR": str(run_dir), "ENGINE": "onnxruntime", **settings}
    return subprocess.Popen(
        [sys.executable, "-m", *module, *map(str, arguments)],
        env=project_environment(**variables, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])),
        cwd=run_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def drain(start: Callable[..., subprocess.Popen[str]]) -> str:
    """Have one bridge score all that is left."""
    process = start("--until-empty")
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return told


def kill_while_scoring(start: Callable[..., subprocess.Popen[str]], answered: Callable[[], int], more: int) -> None:
    """End a bridge by `kill -9` once it has answered so many more."""
    goal = answered() + more
    process = start()
    try:
        wait_until(lambda: process.poll() is not None or answered() >= goal, 120, "it answers")
        assert process.poll() is None, process.communicate()
    finally:
        process.kill()
        process.communicate()


def killed_at(sites: Sequence[str], run_dir: Path, *arguments: object, **settings: str) -> None:
    """Bridges that are killed, each at its site."""
    dying = ("tests.serve.stream.dying_bridge", *sites, "--")
    told, errors = bridge(run_dir, *arguments, module=dying, **settings).communicate(timeout=200)
    assert [line for line in told.splitlines() if line.split()[0] in sites] == [f"{site} -9" for site in sites], (
        told,
        errors,
    )


def assert_answered_once(
    model: ModelChoice, count: int, answers: Sequence[tuple[int, Mapping[str, Any]]], dead: Sequence[tuple[int, str]]
) -> None:
    """Each application is in one of both, once; `answers` and `dead` by place."""
    expected = expected_probabilities(model, count)
    assert sorted(place for place, _ in answers) == sorted(expected)
    for place, answer in answers:
        assert np.float32(answer["probability"]) == expected[place]
        assert (answer["application_id"], answer["model_version"]) == (f"a-{place}", VERSION)
    assert sorted(place for place, _ in dead) == sorted([*FAULTY, NEGATIVE])
    reasons = dict(dead)
    for place, (_, word) in FAULTY.items():
        assert word in reasons[place]
    assert FEATURE_NAMES[3] in reasons[NEGATIVE]
