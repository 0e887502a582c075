"""The command that measures: its table, its curves, its plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from jenkins.drift.evaluation.power import promise_table
from jenkins.drift.evaluation.simulation.curves import PANELS, curves, draw_figure
from jenkins.drift.evaluation.simulation.promises import promises
from jenkins.drift.evaluation.simulation.rules import evidently_rule, original_psi_rule, our_rule
from jenkins.drift.evaluation.simulation.world import World


def test_the_table_has_a_line_for_each_promise(world: World) -> None:
    console = Console(record=True, width=160)
    console.print(promise_table(world, {"ours": our_rule(world)}, 4, np.random.default_rng(1)))
    text = console.export_text()
    for promise in promises(world):
        assert promise.scenario.name in text
        assert str(promise) in text


def test_curves_and_their_plot(world: World, tmp_path: Path) -> None:
    rules = {"ours": our_rule(world), "evidently": evidently_rule(world), "original": original_psi_rule(world)}
    found = [(panel, curves(world, panel, rules, 5, np.random.default_rng(1))) for panel in PANELS]
    for panel, lines in found:
        assert list(lines) == list(rules)
        assert len(lines["ours"]) == len(panel.sizes)
        assert (lines["ours"][0].estimate, lines["ours"][-1].estimate) == (0, 1), panel.title
    missing = next(lines for panel, lines in found if panel.title == "ages missing")
    assert missing["original"][-1].estimate == 0
    draw_figure(found).savefig(tmp_path / "power.png")
    assert (tmp_path / "power.png").read_bytes().startswith(b"\x89PNG")
