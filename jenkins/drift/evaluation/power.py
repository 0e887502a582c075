"""Error rates and power of the drift monitor, as tables and a plot, beside two other rules.

Run as `python -m jenkins.drift.evaluation.power` where the reference applications are loaded (`make run` loads them),
ten minutes on one core. The plot is kept beside this file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fraud.command_line import CommandLine
from fraud.settings import DatabaseRole, load_settings
from fraud.statistics.reliability import share_interval
from jenkins.drift.evaluation.simulation.changes import draw
from jenkins.drift.evaluation.simulation.curves import PANELS, curves, draw_figure
from jenkins.drift.evaluation.simulation.promises import promises
from jenkins.drift.evaluation.simulation.rules import Rule, evidently_rule, original_psi_rule, our_rule
from jenkins.drift.evaluation.simulation.setting import build_world
from jenkins.drift.evaluation.simulation.world import World
from jenkins.drift.evaluation.simulation.year import DAYS_A_YEAR, false_alarm_days
from train.axes import DPI
from train.dataset import load_dataset

BEFORE: Final = dt.date(2025, 1, 1)
"""The reference: applications before the new wave."""


def main(
    plot: Annotated[Path, typer.Option(help="PNG file of the power curves.")] = Path("jenkins/drift/power.png"),
    checks: Annotated[int, typer.Option(min=1, help="Checks for each line of the table.")] = 10_000,
    windows: Annotated[int, typer.Option(min=1, help="Checks for each point of the plot.")] = 300,
    years: Annotated[int, typer.Option(min=1, help="Years of daily checks without a change.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn.")] = 1,
) -> None:
    """Simulate the monitor: its promises, false alarms over years, and its power compared with two other rules."""
    applications = load_dataset(load_settings().dsn(DatabaseRole.TRAINER), BEFORE)
    world = build_world(applications.x, applications.y)
    rules = {
        "this monitor": our_rule(world),
        "Evidently's default (Wasserstein >= 0.1 sd)": evidently_rule(world),
        "the original (PSI > 0.25 within the range)": original_psi_rule(world),
    }
    console = Console()
    console.print(promise_table(world, rules, checks, np.random.default_rng(seed)))
    rng = np.random.default_rng(seed)
    days = track(range(years), "years without a change")
    alarms = sum(false_alarm_days(world, our_rule(world), DAYS_A_YEAR, rng) for _ in days)
    console.print(f"False alarms in {years} years of checks of the last day and of the last 7 days: {alarms} days")
    rng = np.random.default_rng(seed)
    found = [(panel, curves(world, panel, rules, windows, rng)) for panel in track(PANELS, "power curves")]
    draw_figure(found).savefig(plot, dpi=DPI)
    console.print(f"{plot} written")


def promise_table(world: World, rules: Mapping[str, Rule], checks: int, rng: np.random.Generator) -> Table:
    """Share of alarms of each rule in each promised scenario, with its 95% interval, and how ours must be."""
    table = Table("change", "requests", "promised", *rules)
    for promise in track(promises(world), "promises"):
        hits = dict.fromkeys(rules, 0)
        for window in draw(world, promise.scenario, checks, rng):
            for name, rule in rules.items():
                hits[name] += rule(window)
        shares = (share_interval(found, checks) for found in hits.values())
        table.add_row(
            promise.scenario.name,
            f"{promise.scenario.rows:,}",
            str(promise),
            *(f"{share.estimate:.2%} ({share.low:.2%} to {share.high:.2%})" for share in shares),
        )
    return table


if __name__ == "__main__":
    CommandLine(main)()
