"""Evidently as an oracle, in an environment of its own: our distances are its distances."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.experiments.peers.environment import REQUIREMENTS, make_environment
from bench.experiments.peers.errors import PeersError
from jenkins.drift.counts import VariableCounts
from jenkins.drift.evaluation.simulation.changes import Scenario, draw, new_wave, older
from jenkins.drift.evaluation.simulation.rules import evidently_distances
from jenkins.drift.evaluation.simulation.world import Applications, World
from jenkins.drift.statistics.distances import distances

pytestmark = pytest.mark.long

Oracle = Callable[[World, Applications], dict[str, list[float]]]


@pytest.fixture(scope="module")
def evidently(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    folder = tmp_path_factory.mktemp("evidently")
    try:
        python = make_environment(REQUIREMENTS / "oracles" / "evidently.lock", folder)
    except PeersError as error:
        pytest.skip(str(error))

    def run(world: World, window: Applications) -> dict[str, list[float]]:
        np.savez(
            folder / "samples.npz",
            reference=world.reference.features,
            current=window.features,
            reference_bins=world.reference.codes,
            current_bins=window.codes,
        )
        script = Path(__file__).with_name("evidently_oracle.py")
        command = [str(python), str(script), str(folder / "samples.npz")]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
        assert isinstance(found, dict)
        return found

    return run


@pytest.mark.parametrize("change", ["none", "new wave", "older"])
def test_distances_are_evidentlys(world: World, evidently: Oracle, change: str) -> None:
    scenario = {
        "none": Scenario("", 10_000, 0.0, ()),
        "new wave": Scenario("", 10_000, 0.2, (new_wave(world),)),
        "older": Scenario("", 10_000, 1.0, (older(world, 0.1),)),
    }[change]
    (window,) = draw(world, scenario, 1, np.random.default_rng(6))
    theirs = evidently(world, window)

    assert evidently_distances(world)(window) == pytest.approx(theirs["default"], rel=0.02, abs=0.0005)
    variables = [
        VariableCounts(str(place), bins, counts, np.bincount(window.codes[:, place], minlength=counts.size))
        for place, (bins, counts) in enumerate(zip(world.bins, world.counts, strict=True))
    ]
    ours = [distances(one) for one in variables]
    # Evidently's has base e, ours base 2, which makes it 1 for samples that share no bin.
    base = np.sqrt(np.log(2))
    assert [base * one.jensen_shannon for one in ours] == pytest.approx(theirs["jensen_shannon"], abs=1e-9)
    # Where one side alone leaves a bin empty, Evidently puts a share of 0.0001 and we half a count.
    shared = [np.array_equal(one.reference > 0, one.current > 0) for one in variables]
    assert sum(shared) >= 5
    for same, found, their in zip(shared, ours, theirs["psi"], strict=True):
        assert not same or found.psi == pytest.approx(their, rel=0.02, abs=0.0005)
