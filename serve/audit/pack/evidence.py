"""Evidence for the pack's statements: files in the pack with their SHA-256, and reports with their address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

FOLDER: Final = "evidence"


class Evidence(msgspec.Struct, frozen=True):
    """One piece."""

    name: str
    file: str
    """File name in the pack."""
    sha256: str
    """SHA-256 of the file."""
    address: str | None = None
    """Address in the service, such as `/reports/7`."""


@dataclass(slots=True)
class Shelf:
    """All evidence, by key, with its files; and facts quoted in sentences."""

    pieces: dict[str, Evidence] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, name: str, ending: str, content: bytes, address: str | None = None) -> None:
        """Add a file to the pack under a key."""
        file = f"{FOLDER}/{key}.{ending}"
        self.files[file] = content
        self.pieces[key] = Evidence(name, file, hashlib.sha256(content).hexdigest(), address)

    def add_json(self, key: str, name: str, value: Any) -> None:
        """Add data as a JSON file."""
        self.add(key, name, "json", msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")

    def know(self, facts: Mapping[str, object]) -> None:
        """Add facts that sentences may quote."""
        self.facts |= {name: str(value) for name, value in facts.items()}
