"""fairlearn's `MetricFrame` as an oracle, in an environment of its own: our figures by group are its figures."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench.experiments.peers.environment import REQUIREMENTS, make_environment
from bench.experiments.peers.errors import PeersError
from fraud.statistics.group_fairness import Answers, Group, group_fairness
from fraud.statistics.review import reviewed_shares

pytestmark = pytest.mark.long

FIGURES = ("selection_rate", "false_positive_rate", "true_positive_rate", "precision")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return make_environment(REQUIREMENTS / "oracles" / "fairlearn.lock", tmp_path_factory.mktemp("fairlearn"))
    except PeersError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("capacity", [0.05, 0.3])
def test_figures_and_ratios_are_fairlearns(python: Path, tmp_path: Path, capacity: float) -> None:
    rng = np.random.default_rng(8)
    group = rng.integers(0, 5, 20_000)
    labels = (rng.random(group.size) < 0.05 + 0.04 * group).astype(np.int8)
    probabilities = 1 / (1 + np.exp(2 - 1.2 * labels - 0.2 * group - rng.normal(size=group.size)))
    reviewed = reviewed_shares(probabilities, capacity)
    np.savez(
        tmp_path / "rows.npz", labels=labels, reviewed=reviewed.astype(int), probabilities=probabilities, group=group
    )
    command = [str(python), str(Path(__file__).with_name("fairlearn_oracle.py")), str(tmp_path / "rows.npz")]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)

    groups = [Group("number", str(number), group == number) for number in range(5)]
    for ours in group_fairness(groups, Answers(probabilities, reviewed, labels)):
        for name in FIGURES:
            figure = getattr(ours, name)
            assert figure.figure.estimate == pytest.approx(theirs["figures"][name][ours.name], rel=0, abs=1e-12)
            assert figure.ratio.estimate == pytest.approx(theirs["ratios"][ours.name][name], rel=1e-12)
        assert ours.positive_rate is not None
        assert ours.calibration is not None
        assert ours.calibration.ratio is not None
        rate, mean = (theirs["figures"][name][ours.name] for name in ("positive_rate", "mean_probability"))
        assert ours.mean_probability == pytest.approx(mean, rel=0, abs=1e-12)
        assert ours.positive_rate.estimate == pytest.approx(rate, rel=0, abs=1e-12)
        assert ours.calibration.figure.estimate == pytest.approx(rate / mean, rel=1e-12)
        ratio = theirs["ratios"][ours.name]["positive_rate"] / theirs["ratios"][ours.name]["mean_probability"]
        assert ours.calibration.ratio.estimate == pytest.approx(ratio, rel=1e-12)
