"""The environment of a process besides its settings, and its variables that would interfere."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

DEFAULT_RUN_DIR: Final = Path(".run")
SECRETS_FILE: Final = ".env"
"""In the run folder: generated secrets."""
LIBPQ_VARIABLE: Final = re.compile("PG[A-Z]+")
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "::1")


def without_libpq_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without PGHOST, PGPORT, PGSERVICE, PGOPTIONS and their like.

    libpq adds them to every connection and PostgreSQL's server programs to their own settings, so a person's variables
    for another database would change ours. DATABASE_URL and the passwords have everything that a connection needs.
    """
    return {name: value for name, value in environment.items() if not LIBPQ_VARIABLE.fullmatch(name)}


def read_variable(name: str) -> str | None:
    """A setting that is needed before the settings are loaded; None if it is missing or empty."""
    run_dir = Path(os.environ.get("RUN_DIR") or DEFAULT_RUN_DIR)
    places: tuple[Mapping[str, str | None], ...] = (
        os.environ,
        *(dotenv_values(path) for path in (Path(".env"), run_dir / SECRETS_FILE)),
    )
    return next((value for place in places if (value := place.get(name))), None)


def settle_environment() -> None:
    """Clean the environment of this process and its children.

    libpq's variables are those of another database; a proxy can't reach this machine's loopback addresses; and a
    terminal whose encoding lacks a character shows a question mark.
    """
    for name in os.environ.keys() - without_libpq_variables(os.environ).keys():
        del os.environ[name]
    for name in ("no_proxy", "NO_PROXY"):
        given = filter(None, (host.strip() for host in os.environ.get(name, "").split(",")))
        os.environ[name] = ",".join(dict.fromkeys([*given, *LOOPBACK_NAMES]))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
