"""`python -m fraud`: the settings as a table for each part: names, defaults and meanings."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from rich.console import Console
from rich.table import Column, Table

from fraud.command_line import CommandLine
from fraud.settings import PARTS

Row = tuple[str, str, str]


def settings_tables() -> dict[str, list[Row]]:
    """Part -> name, default and meaning of its settings, in the order of the source."""
    return {
        (part.__doc__ or "").rstrip("."): [
            (name.upper(), _default(field), field.description or "")
            for name, field in part.model_fields.items()
            if name in part.__annotations__
        ]
        for part in PARTS
    }


def _default(field: FieldInfo) -> str:
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["default"])
    if field.default is None or field.default is PydanticUndefined:
        return "-"
    if isinstance(field.default, BaseModel):
        return field.default.model_dump_json(exclude_none=True)
    return str(field.default)


def main() -> None:
    """List the settings with environment variable, default and meaning; their values are not shown."""
    console = Console()
    for title, rows in settings_tables().items():
        columns = (Column(name, overflow="fold") for name in ("setting", "default", "meaning"))
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    CommandLine(main)()
