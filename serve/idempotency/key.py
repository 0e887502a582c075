"""The header `Idempotency-Key`, and the identity of requests with the same key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serve.request_names import NAME, malformed_name

IDEMPOTENCY_KEY_HEADER: Final = "Idempotency-Key"
_HEADER: Final = IDEMPOTENCY_KEY_HEADER.lower()
REPLAYED_HEADER: Final = "Idempotency-Replayed"

_KEY: Final = re.compile(f'"?({NAME})"?')
_SEPARATOR: Final = b"\0"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request to one endpoint; only hashes of it are kept."""

    caller: str
    endpoint: str
    value: str

    def digest(self) -> bytes:
        """Its id in the store, 32 bytes."""
        return _digest(self.caller.encode(), self.endpoint.encode(), self.value.encode())

    def request_digest(self, content_type: str, encoding: str, body: bytes) -> bytes:
        """Digest that distinguishes a repeated request from another one with the same key, 32 bytes."""
        return _digest(content_type.encode(), encoding.encode(), body)


def idempotency_key_of(headers: Mapping[str, str], endpoint: str, caller: str) -> IdempotencyKey | None:
    """The request's key, bare or quoted as a structured field; None without one.

    Raises:
        MalformedHeader: not a valid key.
    """
    given = headers.get(_HEADER)
    if given is None:
        return None
    match = _KEY.fullmatch(given)
    if match is None:
        raise malformed_name(IDEMPOTENCY_KEY_HEADER)
    return IdempotencyKey(caller, endpoint, match[1])


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(_SEPARATOR.join(parts)).digest()
