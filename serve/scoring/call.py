"""A scoring request: what its headers say, what its body asks, and how it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.decoding import DecodedRows
from serve.error_answers import WriteError
from serve.idempotency.key import IdempotencyKey, idempotency_key_of
from serve.model.model_store import Manifest
from serve.request_names import LOAD_TEST_HEADER
from serve.scoring.body_headers import announced_bytes, content_type_of
from serve.scoring.content_encoding import content_encoding_of

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

_LOAD_TEST: Final = LOAD_TEST_HEADER.lower()
_TRUE: Final = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class ScoringRoute:
    """An address that scores what is posted to it."""

    path: str
    readers: Callable[[Headers], Mapping[str, Read]]
    """How the body is read, by content type; "" stands for a request that names none."""
    write_error: WriteError


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request without its body."""

    endpoint: str
    caller: str
    request_id: str
    received_at: int
    """Microseconds since 1970 (UTC)."""
    load_test: bool
    content_type: str
    encoding: str
    """Of the body; `IDENTITY` when it is not compressed."""
    announced_bytes: int
    """Of the body; 0 when its length is not said beforehand."""
    read: Read
    key: IdempotencyKey | None

    @classmethod
    def of(cls, endpoint: str, caller: str, request_id: str, headers: Headers, readers: Mapping[str, Read]) -> Call:
        """Read the headers.

        Raises:
            ServeError: one of them asks for what is not here.
        """
        content_type = content_type_of(headers, readers)
        return cls(
            endpoint=endpoint,
            caller=caller,
            request_id=request_id,
            received_at=time.time_ns() // 1000,
            load_test=headers.get(_LOAD_TEST, "").lower() in _TRUE,
            content_type=content_type,
            encoding=content_encoding_of(headers),
            announced_bytes=announced_bytes(headers.get("content-length", "")),
            read=readers[content_type],
            key=idempotency_key_of(headers, endpoint, caller),
        )
