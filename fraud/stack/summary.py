"""The summary of a running stack, for a person."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fraud.api_keys import SCORING_API_KEY
from fraud.environment import SECRETS_FILE
from fraud.features import EXAMPLE_INSTANCE
from fraud.settings import Settings


def print_secrets(console: Console, generated: Mapping[str, str], path: Path) -> None:
    """Show what was generated, this once."""
    table = Table("setting", "value", title="Generated secrets, shown this once", title_justify="left")
    for name, value in generated.items():
        table.add_row(name, value)
    console.print(table)
    console.print(f"They are kept in {path}, readable only by you.")


def print_summary(console: Console, settings: Settings) -> None:
    """Addresses, a call of each kind, logs."""
    url = settings.server_url()
    single = json.dumps(EXAMPLE_INSTANCE)
    console.print(f"\n[bold green]Ready:[/bold green] {url}   (API: {url}/docs, registry: {url}/mlflow/)\n")
    header = ' -H "Authorization: Bearer $KEY"' if settings.asks_for_keys() else ""
    if header:
        # By name, so that the key itself stays out of terminals and shell histories.
        secrets = shlex.quote(str(settings.run_dir / SECRETS_FILE))
        console.print(f"KEY=$(grep ^{SCORING_API_KEY}= {secrets} | cut -d= -f2)", soft_wrap=True, highlight=False)
    for route, body in (("predict", single), ("batch_predict", f'{{"instances": [{single}, {single}]}}')):
        call = f"curl -s {url}/{route}{header} -H 'Content-Type: application/json' -d '{body}'"
        console.print(call, soft_wrap=True, highlight=False, markup=False)
        console.print()
    logs = settings.run_dir / "logs"
    console.print(f"Logs: {logs}/server.log, {logs}/mlflow.log, {logs}/postgres.log", soft_wrap=True, highlight=False)
    console.print(f"Passwords and key: {settings.run_dir}/.env    Stop with Ctrl-C.", highlight=False)
