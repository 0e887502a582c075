"""What travels between a protocol, which reads bodies and writes answers, and the scoring in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.decoding import DecodedRows
from serve.model_store import Manifest

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
