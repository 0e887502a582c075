"""Reads the file of a Kafka client's properties: lines `NAME = VALUE`, as Kafka's tools do. It may hold secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serve.stream.errors import StreamError

BOOTSTRAP: Final = "bootstrap.servers"
GROUP: Final = "group.id"
DEFAULT_GROUP: Final = "scoring"
"""Consumer group of all bridges, unless the file names another."""
OURS: Final = frozenset(
    {
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.instance.id",
        "isolation.level",
        "transactional.id",
    }
)
"""Properties on which exactly-once depends; the file may not set them."""


def read_properties(path: Path) -> Mapping[str, str]:
    """Read the properties. Errors name lines and properties, never values.

    Raises:
        StreamError: the file can't be read, a line is malformed, or a property may not be set.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StreamError(f"the Kafka client's file {path} can't be read: {reason}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals:
            raise StreamError(f"{path}, line {number}: expected NAME = VALUE")
        if name in OURS:
            raise StreamError(f"{path}, line {number}: {name} is set by the bridge itself: leave it out")
        if name in found:
            raise StreamError(f"{path}, line {number}: {name} is there twice")
        found[name] = value
    if BOOTSTRAP not in found:
        raise StreamError(f"{path} names no broker: expected {BOOTSTRAP} = HOST:PORT")
    return found
