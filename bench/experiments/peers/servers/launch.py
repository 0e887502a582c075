"""What a server is given, and what starts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.experiments.peers.model import SharedModel


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server lives and what it works with."""

    folder: Path
    port: int
    python: Path
    """Interpreter of the server's environment."""
    model: SharedModel
    database: str
    """Connection string of the database's owner."""
    secrets: Mapping[str, str]
    """Of our server: passwords of its administrator and its database role, and an API key, by setting."""

    @property
    def programs(self) -> Path:
        """The folder of the environment's commands."""
        return self.python.parent


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, its environment, the path that answers 200 once the server is ready, and what each request says."""

    command: Sequence[str]
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
