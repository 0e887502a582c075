"""The answer to a scoring request, in any protocol."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a scored request."""

    content: bytes
    model_version: int
    media_type: str = "application/json"
    headers: Mapping[str, str] = NO_HEADERS
    """Headers beyond those of every answer."""
    request_id: str | None = None
    """Id of the request that was first answered with it, if this is a replay."""
