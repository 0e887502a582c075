"""The report in short, for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.gate.latency.report import LatencyReport
from bench.gate.report.files import PAGE_FILE
from bench.gate.report.gate_report import GateReport
from fraud.verdict import Verdict


def print_summary(console: Console, report: GateReport, folder: Path) -> None:
    """Print the verdict, its reasons, latency by kind of request, and where the whole report is."""
    colour = "green" if report.verdict is Verdict.PASS else "red"
    console.print(f"[bold {colour}]{report.verdict.upper()}[/] after {report.seconds:.1f} s")
    for reason in report.reasons:
        console.print(f"- {escape(reason)}")
    if report.latency is not None and report.latency.kinds:
        console.print(_latency_table(report.latency))
    console.print(f"Report: {escape(str(folder / PAGE_FILE))}", soft_wrap=True)


def _latency_table(latency: LatencyReport) -> Table:
    table = Table("request", "champion p50", "candidate p50", "ratio", "champion p99", "candidate p99", "ratio")
    table.title = f"Latency in ms from the intended start, {latency.pairs} pairs of windows"
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in latency.kinds:
        table.add_row(
            kind.name,
            f"{kind.champion_p50_us / 1000:.2f}",
            f"{kind.candidate_p50_us / 1000:.2f}",
            str(kind.p50_ratio),
            f"{kind.champion_p99_us / 1000:.2f}",
            f"{kind.candidate_p99_us / 1000:.2f}",
            str(kind.p99_ratio),
        )
    return table
