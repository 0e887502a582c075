"""`python -m jenkins.drift.evaluation.label_year`: two desks through the same year, as a plot and a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fraud.command_line import CommandLine
from jenkins.drift.evaluation.label_year.year import Desk, Report, Worked, report, simulate
from train.axes import labelled_axes, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WITH: Final = "weighted"
WITHOUT: Final = "unweighted"
NOTE: Final = "LABELS.md"
PLOT: Final = "labels.png"


def main(
    folder: Annotated[Path, typer.Option(help="Folder of the note and its plot.")] = Path("jenkins/drift"),
    applications: Annotated[int, typer.Option(min=1000, help="Applications per month.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn.")] = 1,
) -> None:
    """Simulate the same year with weighted and with unweighted labels, and compare both reports with the truth."""
    desks = {name: Desk(applications, weighted=name == WITH) for name in (WITH, WITHOUT)}
    years = {name: simulate(desk, seed) for name, desk in desks.items()}
    months = {name: [report(desks[name], [one]) for one in year] for name, year in years.items()}
    save_png(figure(months), folder / PLOT)
    (folder / NOTE).write_text(note(desks, years, months, seed))
    typer.echo(f"{folder / NOTE} and {folder / PLOT} written")


def figure(months: Mapping[str, Sequence[Report]]) -> Axes:
    """Reported average precision of each month with its 95% interval, and the truth."""
    axes = labelled_axes("Average precision by month, reported and true", "month", "average precision")
    for place, (name, reports) in enumerate(months.items()):
        at = [month + 1 + 0.15 * place for month in range(len(reports))]
        middle = [one.reported.estimate for one in reports]
        below = [one.reported.estimate - one.reported.low for one in reports]
        above = [one.reported.high - one.reported.estimate for one in reports]
        axes.errorbar(at, middle, yerr=[below, above], fmt="o", capsize=3, color=f"C{place}", label=f"reported, {name}")
        axes.plot(at, [one.truth for one in reports], color=f"C{place}", label=f"true, {name}")
    axes.set_ylim(bottom=0)
    axes.legend()
    return axes


def note(
    desks: Mapping[str, Desk], years: Mapping[str, Sequence[Worked]], months: Mapping[str, Sequence[Report]], seed: int
) -> str:
    """The year as a table, and how it was made."""
    desk = desks[WITH]
    rows = []
    for name, year in years.items():
        whole = report(desks[name], year)
        held = sum(one.holds for one in months[name])
        rows.append(f"| {name} | {whole.reported} | {whole.truth:.4f} | {held} of {len(months[name])} |")
    return "\n".join(
        [
            "# A year with labels of reviewed applications",
            "",
            f"Made by `python -m jenkins.drift.evaluation.label_year --applications {desk.applications} --seed {seed}`:"
            f" {desk.applications:,} applications a month,",
            f"officers review the {desk.capacity:.0%} that the model suspects most and a control sample of "
            f"{desk.control_share:.0%} of the others, outcomes come",
            "3 to 9 months later, and the model is fitted again each month on the known outcomes. Both desks have",
            "the same applicants; one weights each outcome by 1 / the probability of being reviewed, the other",
            "uses unweighted outcomes.",
            "",
            "| labels | average precision as reported | true, on everybody | months whose interval holds the truth |",
            "|---|---|---:|---:|",
            *rows,
            "",
            f"![Reported and true average precision by month]({PLOT})",
            "",
            "The weights keep the report honest. They do not make a better model by themselves: compare the true",
            "figures. A small control sample whose outcomes count twenty times each teaches a model little.",
            "",
        ]
    )


app = CommandLine(main)

if __name__ == "__main__":
    app()
