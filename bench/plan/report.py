"""A plan as people read it: a table in the terminal, and a page with curves beside `plan.json`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.gate.plot import Plot
from bench.plan.forecast import EVERYBODY, Choice, Expected
from bench.plan.plan import PLAN_FILE, Plan
from fraud.report.files import write_files
from fraud.report.page import page_environment
from fraud.report.stored import Report, ReportKind
from fraud.statistics.interval import Interval
from fraud.verdict import Verdict
from train.axes import labelled_axes

PAGE_FILE: Final = "index.html"
CURVES: Final[Sequence[tuple[str, str, Callable[[Expected], Interval]]]] = (
    ("found", "quick divorces found a week", lambda expected: expected.found),
    ("wrongly_suspected", "wrongly suspected couples a week", lambda expected: expected.wrongly_suspected),
    ("euros", "EUR a week: losses prevented less cost of reviews", lambda expected: expected.euros),
)


def write_report(plan: Plan, folder: Path) -> tuple[Path, ...]:
    """Write the page and `plan.json` into the folder."""
    plots = [_curve(plan, *curve) for curve in CURVES]
    return write_files(
        folder,
        {
            PAGE_FILE: _page(plan, plots).encode(),
            PLAN_FILE: plan.to_json(),
            **{f"{plot.name}.png": plot.png for plot in plots},
        },
    )


def stored_report(plan: Plan, page: str) -> Report:
    """The same for the database; `page` is the written page. A finished plan passes, whatever it recommends."""
    return Report(ReportKind.PLAN, plan.made_at, Verdict.PASS, page, plan.to_json().decode())


def print_plan(console: Console, plan: Plan) -> None:
    """The table, the best choice marked."""
    table = Table("reviews a week", "threshold", "found", "wrongly suspected", "EUR", title="A week, with 95% bands")
    for column in table.columns:
        column.justify = "right"
    for place, choice in enumerate(plan.choices):
        expected = choice.expected
        table.add_row(
            f"{choice.capacity:,.4g}",
            threshold(choice),
            band(expected.found),
            band(expected.wrongly_suspected),
            euros(expected.euros),
            style="bold green" if place == plan.recommended else "",
        )
    console.print(table)
    console.print(advice(plan), soft_wrap=True)


def advice(plan: Plan) -> str:
    """What to do, in a sentence."""
    if plan.recommended is None:
        return "Within these limits no review is expected to be worth its cost: change the limits, or review nobody."
    choice = plan.choices[plan.recommended]
    return (
        f"Best within the limits: {choice.capacity:,.4g} reviews a week, threshold {threshold(choice)}. "
        "`python -m bench plan adopt` makes it a policy."
    )


def band(interval: Interval) -> str:
    """A count a week."""
    return f"{interval.estimate:,.1f} ({interval.low:,.1f} to {interval.high:,.1f})"


def euros(interval: Interval) -> str:
    """An amount a week, to the next hundred euros."""
    return f"{interval.estimate:,.0f} ({interval.low:,.0f} to {interval.high:,.0f})"


def threshold(choice: Choice) -> str:
    """To four places, which tell choices apart; the exact one is in `plan.json`."""
    return f"{choice.threshold:.4f}" if choice.threshold <= 1 else "nobody"


def _page(plan: Plan, plots: Sequence[Plot]) -> str:
    environment = page_environment("bench.plan")
    environment.filters |= {"band": band, "euros": euros, "threshold": threshold, "data_uri": _data_uri}
    shown = plan.recommended if plan.recommended is not None else len(plan.choices) - 1
    return environment.get_template("page.html").render(
        plan=plan, plots=plots, advice=advice(plan), by_group=plan.choices[shown], everybody=EVERYBODY
    )


def _curve(plan: Plan, name: str, label: str, figure: Callable[[Expected], Interval]) -> Plot:
    capacities = [choice.capacity for choice in plan.choices]
    bands = [figure(choice.expected) for choice in plan.choices]
    axes = labelled_axes(f"What reviews bring: {label}", "reviews a week", label)
    axes.fill_between(
        capacities, [one.low for one in bands], [one.high for one in bands], alpha=0.25, label="95% of the months"
    )
    axes.plot(capacities, [one.estimate for one in bands], "o-", label="expected")
    axes.axvline(plan.limits.cases, color="grey", ls="--", label="what officers can handle")
    cap = plan.limits.max_wrongly_suspected
    if name == "wrongly_suspected" and cap is not None:
        axes.axhline(cap, color="C3", ls="--", label="cap")
    if plan.recommended is not None:
        axes.plot(capacities[plan.recommended], bands[plan.recommended].estimate, "D", color="C2", label="best")
    axes.legend(fontsize="small")
    return Plot.of(axes, name, f"Reviews a week and {label}, with 95% bands")


def _data_uri(plot: Plot) -> str:
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode('ascii')}"
