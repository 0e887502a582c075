"""What statements of the pack rest on: files in the pack, which have a SHA-256, and reports, which have an address."""

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
    """In the pack."""
    sha256: str
    """Of the file."""
    address: str | None = None
    """Of the service, such as `/reports/7`."""


@dataclass(slots=True)
class Shelf:
    """All pieces, by key, with their files; and facts that sentences quote."""

    pieces: dict[str, Evidence] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, name: str, ending: str, content: bytes, address: str | None = None) -> None:
        """Put a file into the pack under a key."""
        file = f"{FOLDER}/{key}.{ending}"
        self.files[file] = content
        self.pieces[key] = Evidence(name, file, hashlib.sha256(content).hexdigest(), address)

    def add_json(self, key: str, name: str, value: Any) -> None:
        """The same, of what JSON can say."""
        self.add(key, name, "json", msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")

    def know(self, facts: Mapping[str, object]) -> None:
        """Facts that sentences may quote."""
        self.facts |= {name: str(value) for name, value in facts.items()}
