"""`python -m fraud`: the settings as a table of names, defaults and meanings."""

from __future__ import annotations

from pydantic_core import PydanticUndefined
from rich.console import Console
from rich.table import Table

from fraud.command_line import CommandLine
from fraud.settings import Settings


def settings_table() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, in the order of the source."""
    rows = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.json_schema_extra, dict):
            default = str(field.json_schema_extra["default"])
        elif field.default is None or field.default is PydanticUndefined:
            default = "-"
        else:
            default = str(field.default)
        rows.append((name.upper(), default, field.description or ""))
    return rows


def main() -> None:
    """List the settings: environment variable, default and meaning of each; their values are not shown."""
    table = Table("setting", "default", "meaning")
    for row in settings_table():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    CommandLine(main)()
