"""`python -m tests.docs.write_reference`: the pages of docs/reference/, from the code and a fresh database."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.stack.postgres import EmbeddedPostgres
from initdb.schema import apply_schema
from tests.docs.pages import ROOT
from tests.docs.reference import (
    commands_page,
    errors_page,
    http_api_page,
    metrics_page,
    schema_page,
    settings_page,
)

FOLDER: Final = ROOT / "docs/reference"
SCHEMA: Final = "schema.md"
NOTE: Final = "<!-- Made by `python -m tests.docs.write_reference`. -->\n"
WRITTEN_BY: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "commands.md": (commands_page.TITLE, commands_page.commands_page),
    "errors.md": (errors_page.TITLE, errors_page.errors_page),
    "exit-statuses.md": (commands_page.STATUSES_TITLE, commands_page.statuses_page),
    "http-api.md": (http_api_page.TITLE, http_api_page.http_api_page),
    "metrics.md": (metrics_page.TITLE, metrics_page.metrics_page),
    "settings.md": (settings_page.TITLE, settings_page.settings_page),
}
"""Pages that need no database: their title, and what writes the rest."""


def titled(title: str, text: str) -> str:
    """A whole page."""
    return f"{NOTE}\n# {title}\n\n{text.rstrip()}\n"


def schema_text(dsn: str) -> str:
    """The page about the schema, of a database that has the newest."""
    with connect(dsn) as connection:
        return titled(schema_page.TITLE, schema_page.schema_page(connection))


def main(
    folder: Annotated[Path, typer.Option(help="Folder to write to.")] = FOLDER,
    without_database: Annotated[bool, typer.Option("--without-database", help="Leave out the schema.")] = False,
) -> None:
    """Write the pages of the reference, of this version of the code."""
    for name, (title, write) in WRITTEN_BY.items():
        (folder / name).write_text(titled(title, write()))
    if without_database:
        return
    with tempfile.TemporaryDirectory() as place:
        server = EmbeddedPostgres(Path(place) / "postgres", "reference")
        try:
            dsn = server.start()
            apply_schema(dsn)
            (folder / SCHEMA).write_text(schema_text(dsn))
        finally:
            server.stop()


if __name__ == "__main__":
    CommandLine(main)()
