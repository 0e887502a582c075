"""A scoring route: how bodies are read there, what they ask, and how that is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.decoding import DecodedRows
from serve.error_answers import WriteError
from serve.model.model_store import Manifest

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer's bytes and what they are."""

    content: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = NO_HEADERS


Write = Callable[[NDArray[np.float32], Manifest], Reply]
"""Probabilities, float32 [N], and the model that gave them -> the answer."""


class Question(msgspec.Struct, frozen=True, gc=False):
    """What a body asks: rows to score, and how their answer is to be written."""

    rows: DecodedRows
    write: Write


Read = Callable[[bytes, Manifest], Question]
"""An inflated body and the model that will answer it -> the question; raises ServeError."""

Headers = Mapping[str, str]
"""By name in lower case."""


@dataclass(frozen=True, slots=True)
class ScoringRoute:
    """An address that scores what is posted to it."""

    path: str
    readers: Callable[[Headers], Mapping[str, Read]]
    """How the body is read, by content type; "" stands for a request that names none."""
    write_error: WriteError
