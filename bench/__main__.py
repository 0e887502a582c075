"""`python -m bench`: a table of requests/s, rows/s and latencies of a running server; further commands compare."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from fraud.command import EXIT_ERROR, print_error
from fraud.command_line import CommandLine, Group
from fraud.settings import load_settings

if TYPE_CHECKING:
    from bench.throughput import Throughput

BATCH_ROWS: Final = (1, 100, 1_000, 10_000)

COMMANDS: Final = {
    "chaos": "bench.experiments.chaos.command",
    "engines": "bench.experiments.engines.command",
    "files": "bench.experiments.files.command",
    "gate": "bench.gate.command",
    "models": "bench.experiments.models.command",
    "outage": "bench.experiments.outage.command",
    "pages": "bench.experiments.pages.command",
    "peers": "bench.experiments.peers.command",
    "plan": "bench.plan.command",
    "promote": "bench.gate.promote",
    "rollback": "bench.gate.rollback",
    "scale": "bench.experiments.scale.command",
    "shadow": "bench.shadow.command",
    "soak": "bench.experiments.soak.command",
    "trend": "bench.experiments.trend.command",
    "verify": "bench.gate.verify",
    "workers": "bench.experiments.files.workers",
}
"""Name of a command, which is its function's too -> where that is."""


class Commands(Group):
    """Imports a command when it is called: a rollback should not wait for what draws plots."""

    # Typer keeps a Click of its own, whose types it does not export.
    def list_commands(self, ctx: Any) -> list[str]:
        """All of them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The one of that name."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        if isinstance(found, typer.Typer):  # it has commands of its own
            return typer.main.get_command(found)
        command = CommandLine()
        command.command(cmd_name)(found)
        return typer.main.get_command(command)


app = CommandLine(cls=Commands)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="Server to load; default: the one of the settings.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Measured time for each batch size, seconds.")] = 10.0,
    warmup: Annotated[float, typer.Option(min=0.0, help="Warm-up before the measurement, seconds.")] = 2.0,
    users: Annotated[int, typer.Option(min=1, help="Concurrent users, each without a pause.")] = 2,
    rows: Annotated[list[int] | None, typer.Option(min=1, help="Rows per request; repeatable.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Load a running server with single requests and batches of 100, 1,000 and 10,000 fresh rows, or of `--rows`."""
    if context.invoked_subcommand is not None:
        return
    # Importing Locust makes the sockets of the whole process cooperative, which no other command should have.
    from bench.throughput import measure  # noqa: PLC0415

    settings = load_settings()
    host = url or settings.server_url()
    results = []
    with Progress(transient=True) as progress:
        batches = rows or BATCH_ROWS
        task = progress.add_task("measuring", total=len(batches))
        for batch_rows in batches:
            progress.update(task, description=f"{batch_rows} rows a request")
            results.append(measure(host, batch_rows, users, warmup, seconds, api_key=settings.client_key()))
            progress.advance(task)
    _print(results)
    if json_file is not None:
        json_file.write_text(json.dumps([result.as_dict() for result in results], indent=2) + "\n")
    if not all(result.requests and not result.failures for result in results):
        print_error(f"requests failed: is a server ready at {host}, and SCORING_API_KEY a key of it?")
        sys.exit(EXIT_ERROR)


def _print(results: list[Throughput]) -> None:
    table = Table("rows a request", "requests/s", "rows/s", "p50 ms", "p95 ms", "p99 ms", "failures")
    for column in table.columns:
        column.justify = "right"
    for result in results:
        table.add_row(
            f"{result.batch_rows:,}",
            f"{result.requests_per_s:,.0f}",
            f"{result.rows_per_s:,.0f}",
            f"{result.p50_ms:.2f}",
            f"{result.p95_ms:.2f}",
            f"{result.p99_ms:.2f}",
            str(result.failures),
        )
    Console().print(table)


if __name__ == "__main__":
    app()
