"""Request ids: the headers that carry them, and the ids that a client may choose."""

from __future__ import annotations

import re
from typing import Final

from serve.errors import MalformedHeader, ServeError
from serve.random_tokens import RandomTokens

REQUEST_ID_HEADER: Final = "X-Request-ID"
MODEL_VERSION_HEADER: Final = "X-Model-Version"
LOAD_TEST_HEADER: Final = "X-Load-Test"

REQUEST_ID_BYTES: Final = 16
"""Bytes of an id that the server generates."""
_NEW_NAMES: Final = RandomTokens(REQUEST_ID_BYTES)

NAME: Final = r"[A-Za-z0-9._:-]{1,128}"
"""Ids that a client may choose: safe in a log line and in a header."""
_NAME: Final = re.compile(NAME)


def name_request(given: str | None) -> tuple[str, ServeError | None]:
    """The request id, the caller's or a new one; and the fault of the caller's, if it is malformed."""
    if given is not None and _NAME.fullmatch(given):
        return given, None
    fault = None if given is None else malformed_name(REQUEST_ID_HEADER)
    return _NEW_NAMES.next().hex(), fault


def malformed_name(header: str) -> MalformedHeader:
    """The error for a header that does not match `NAME`."""
    return MalformedHeader(f"{header}: expected 1 to 128 letters, digits or . _ : -")


def version_text(version: int | None) -> str:
    """The value of X-Model-Version."""
    return "none" if version is None else str(version)
