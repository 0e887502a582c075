"""A scoring route: how bodies are read there, what they ask, and how that is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serve.decoding import DecodedRows
from serve.error_answers import WriteError
from serve.model.model_store import Manifest
from serve.scoring.asks import Asks
from serve.scoring.notes import WriteNoted

Read = Callable[[bytes, Manifest], tuple[DecodedRows, WriteNoted]]
"""An inflated body and the model that will answer it -> the rows, and how their answer is written; raises ServeError.
"""

Headers = Mapping[str, str]
"""By name in lower case."""


@dataclass(frozen=True, slots=True)
class ScoringRoute:
    """An address that scores what is posted to it."""

    path: str
    readers: Callable[[Headers, Asks], Mapping[str, Read]]
    """How the body is read, by content type; "" stands for a request that names none."""
    write_error: WriteError
