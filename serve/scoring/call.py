"""A scoring route: its readers of bodies and its writer of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serve.decoding import DecodedRows
from serve.error_answers import WriteError
from serve.model.model_store import Manifest
from serve.scoring.asks import Asks
from serve.scoring.notes import WriteNoted

Read = Callable[[bytes, Manifest], tuple[DecodedRows, WriteNoted]]
"""(decompressed body, active model) -> (rows, writer of their answer); raises ServeError."""

Headers = Mapping[str, str]
"""Header values by name in lower case."""


@dataclass(frozen=True, slots=True)
class ScoringRoute:
    """An address that scores posted bodies."""

    path: str
    readers: Callable[[Headers, Asks], Mapping[str, Read]]
    """Readers by content type; "" is for a request without one."""
    write_error: WriteError
