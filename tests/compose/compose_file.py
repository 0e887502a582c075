"""`docker-compose.yml` as compose reads it: merged, with variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"

# The forms of the compose specification that we use: ${NAME:?message}, ${NAME:-default}, ${NAME}.
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?:(?P<kind>:[?-])(?P<rest>[^}]*))?\}")


class MissingVariable(Exception):
    """Compose would stop with this message."""


def raw_project() -> dict[str, Any]:
    """The file with its variables as they are written."""
    project: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return project


def project(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file as it is run with these variables."""
    filled: dict[str, Any] = yaml.safe_load(
        VARIABLE.sub(lambda match: _value(match, variables), COMPOSE_FILE.read_text())
    )
    return filled


def used_variables() -> dict[str, str | None]:
    """Name -> default of each variable that the file asks for; None = it has to be set."""
    found = VARIABLE.finditer(COMPOSE_FILE.read_text())
    return {match["name"]: match["rest"] if match["kind"] == ":-" else None for match in found}


def required_variables() -> dict[str, str]:
    """A value for each variable that has to be set."""
    return {name: f"secret-of-{name.lower()}" for name, default in used_variables().items() if default is None}


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(match["name"], "")
    if value or match["kind"] is None:
        return value
    if match["kind"] == ":-":
        return match["rest"]
    raise MissingVariable(f"{match['name']}: {match['rest']}")
