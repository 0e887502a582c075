"""Options from a scoring request's header; they depend on the header alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serve.idempotency.key import IdempotencyKey, idempotency_key_of
from serve.request_names import LOAD_TEST_HEADER
from serve.scoring.asks import Asks, asks_of
from serve.scoring.body_headers import content_type_of
from serve.scoring.call import Headers, Read, ScoringRoute
from serve.scoring.content_encoding import content_encoding_of

_LOAD_TEST: Final = LOAD_TEST_HEADER.lower()
_TRUE: Final = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """The options of a scoring request, and its caller."""

    route: ScoringRoute
    caller: str
    content_type: str
    encoding: str
    """The body's compression; `IDENTITY` if there is none."""
    read: Read
    key: IdempotencyKey | None
    load_test: bool
    asks: Asks


def options_of(route: ScoringRoute, headers: Headers, caller: str, query: str = "") -> ScoringOptions:
    """Read the header of a request to `route`, and the query of its address.

    Raises:
        ServeError: an unsupported option.
    """
    asks = asks_of(query, headers)
    readers = route.readers(headers, asks)
    content_type = content_type_of(headers, readers)
    return ScoringOptions(
        route,
        caller,
        content_type,
        content_encoding_of(headers),
        readers[content_type],
        idempotency_key_of(headers, route.path, caller),
        load_test=headers.get(_LOAD_TEST, "").lower() in _TRUE,
        asks=asks,
    )
