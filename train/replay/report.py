"""The replay as a table, a PNG and JSON."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
from rich.table import Table

from fraud.report.plain_page import encode_page, facts_table, note, picture, rows_table, verdict_heading
from fraud.report.stored import Report, ReportKind
from fraud.verdict import Verdict
from train.axes import labelled_axes, save_png
from train.replay.outcome import ComingMonth, Decision, ReplayOutcome

WORDS = {Verdict.PASS: "promoted", Verdict.FAIL: "rejected", Verdict.INCONCLUSIVE: "undecided"}

CAPTION = (
    "champ., cand.: twins on the gate's rows; the others in the month to come: the version served, the first one never "
    "retrained, a model as made before, the true probabilities"
)
HEADINGS = ("month", "champ.", "cand.", "verdict", "latency", "serves", "served", "first", "before", "ceiling")


def replay_json(outcome: ReplayOutcome) -> bytes:
    """All figures, the verdict first."""
    head = {"verdict": outcome.verdict, "exit_status": outcome.verdict.exit_status}
    means = {"gain": outcome.gain, "ceiling_share": outcome.ceiling_share}
    return msgspec.json.format(msgspec.json.encode(head | means | msgspec.to_builtins(outcome))) + b"\n"


def stored_report(outcome: ReplayOutcome, made_at: dt.datetime, plot: bytes) -> Report:
    """The same for the database, with a page; `plot` is a PNG."""
    load = outcome.load
    facts = {
        "Model": outcome.model_name,
        "Mean gain over a model without the newest applications": _figure(outcome.gain),
        "Requests beside it": f"{load.requests:,}, {load.failures:,} failed",
        "Took": f"{outcome.seconds / 60:.1f} minutes",
    }
    parts = (
        facts_table(facts.items()),
        "<h2>Average precision</h2>",
        note(CAPTION),
        rows_table(HEADINGS, replay_rows(outcome)),
        picture(plot, "Average precision, month after month"),
    )
    heading = verdict_heading("Replay of a year", outcome.verdict)
    page = encode_page(f"Replay: {outcome.verdict}", parts, heading)
    return Report(ReportKind.REPLAY, made_at, outcome.verdict, page, replay_json(outcome).decode())


def replay_table(outcome: ReplayOutcome) -> Table:
    """A row a month."""
    table = Table(
        title=f"{outcome.model_name}: average precision",
        padding=0,
        caption=CAPTION,
    )
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True, min_width=6)
    for row in replay_rows(outcome):
        table.add_row(*row)
    return table


def replay_rows(outcome: ReplayOutcome) -> list[tuple[str, ...]]:
    """A row a month, as `HEADINGS` say."""
    return [
        (
            f"{decision.first_day:%Y-%m}",
            _figure(decision.champion_ap),
            _figure(decision.candidate_ap),
            WORDS[decision.verdict],
            _ratio(decision),
            str(coming.served),
            _figure(coming.production),
            _figure(coming.never_retrained),
            _figure(coming.as_before),
            _figure(coming.ceiling),
        )
        for decision, coming in zip(outcome.decisions, outcome.coming, strict=True)
    ]


def replay_plot(path: Path, outcome: ReplayOutcome) -> None:
    """Average precision over the months: on the gate's rows, and in the month that follows."""
    axes = labelled_axes("Average precision, month after month", "", "average precision")
    places = range(len(outcome.decisions))
    lines = {
        "coming month, version in production": ("o-", "C0", [month.production for month in outcome.coming]),
        "coming month, first version": ("o-", "C3", [month.never_retrained for month in outcome.coming]),
        "coming month, as before": ("s-", "C1", [month.as_before for month in outcome.coming]),
        "coming month, ceiling": ("--", "black", [month.ceiling for month in outcome.coming]),
        "gate's rows, candidate": ("^:", "C2", [decision.candidate_ap for decision in outcome.decisions]),
        "gate's rows, champion": ("v:", "C7", [decision.champion_ap for decision in outcome.decisions]),
    }
    for label, (style, color, heights) in lines.items():
        # NaN leaves a gap where there is no figure.
        shown = [float("nan") if height is None else height for height in heights]
        axes.plot(places, shown, style, color=color, label=label, ms=4)
    ticks = [_tick(*month) for month in zip(outcome.decisions, outcome.coming, strict=True)]
    axes.set_xticks(places, ticks, fontsize=6)
    axes.legend(fontsize="small")
    save_png(axes, path)


def _tick(decision: Decision, coming: ComingMonth) -> str:
    latency = "" if decision.worst_median_ratio is None else f"\np50 {_ratio(decision)}"
    return f"{decision.first_day:%Y-%m}\n{WORDS[decision.verdict]}\nserves {coming.served}{latency}"


def _ratio(decision: Decision) -> str:
    return "-" if decision.worst_median_ratio is None else f"x{decision.worst_median_ratio:.2f}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
