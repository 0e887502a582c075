"""What a scoring request is answered by, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A scored request's answer."""

    content: bytes
    model_version: int
    media_type: str = "application/json"
    headers: Mapping[str, str] = NO_HEADERS
    """Others than those of every answer."""
    request_id: str | None = None
    """The request that it was first given to, where that is another one."""
