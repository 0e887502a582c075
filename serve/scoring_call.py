"""What the headers of a scoring request say, and the routes that take such requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from serve.body import announced_bytes, content_type_of
from serve.content_encoding import content_encoding_of
from serve.exchange import Read
from serve.idempotency.key import IdempotencyKey, idempotency_key_of
from serve.request_context import LOAD_TEST_HEADER, WriteError

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
