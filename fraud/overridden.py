"""Variables of the environment that a file overrides: POSTGRES_* with a DATABASE_URL, which has precedence.

A person who sets POSTGRES_HOST while a stack runs means another database than the stack's, whose `stack.env` has a
DATABASE_URL. A command would read and change the wrong database, so it refuses to run. For a variable that only says
how to log in, it prints a note.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg2
from dotenv import dotenv_values
from psycopg2.extensions import parse_dsn

from fraud.command import print_note
from fraud.errors import SettingsError

DATABASE_URL: Final = "DATABASE_URL"
_WHICH_DATABASE: Final = {"POSTGRES_HOST": "host", "POSTGRES_DB": "dbname"}
_HOW_TO_LOG_IN: Final = {"POSTGRES_PORT": "port", "POSTGRES_USER": "user", "POSTGRES_PASSWORD": "password"}
"""Variable -> libpq's name of the same."""


def refuse_overridden(environment: Mapping[str, str], files: Sequence[Path]) -> None:
    """Return where no variable of the environment names another database than the DATABASE_URL of a file.

    Args:
        environment: that of the process.
        files: of settings, the one that counts for most first.

    Raises:
        SettingsError: one does; it is named with the file, and no value is shown.
    """
    given = {name.upper(): value for name, value in environment.items() if value}
    found = next(((file, url) for file in files if (url := dotenv_values(file).get(DATABASE_URL))), None)
    if DATABASE_URL in given or found is None:
        return
    file, url = found
    try:
        parts = parse_dsn(url)
    except psycopg2.Error:
        return  # whoever connects says what is wrong with it
    if others := _others(given, parts, _WHICH_DATABASE):
        raise SettingsError(
            f"{' and '.join(others)} of the environment and DATABASE_URL of {file} name different databases: set "
            f"DATABASE_URL in the environment, which wins over the file, or unset {' and '.join(others)}"
        )
    if others := _others(given, parts, _HOW_TO_LOG_IN):
        _tell(f"{' and '.join(others)} of the environment: not used, since DATABASE_URL of {file} wins")


def _others(given: Mapping[str, str], parts: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    return [name for name, part in names.items() if name in given and given[name] != parts.get(part)]


@functools.cache
def _tell(note: str) -> None:
    """Once a process, however often it reads its settings."""
    print_note(note)
