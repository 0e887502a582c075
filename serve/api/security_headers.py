"""Security headers of every answer: no type sniffing, no framing by other sites, no caching of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serve.api.openapi.docs_page import DOCS_PATH, DOCS_POLICY

ONE_YEAR_S: Final = 365 * 24 * 3600
# With `no-referrer` a browser sends `Origin: null` for forms of our own pages, which would then count as another
# site's.
_EVERYWHERE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
_ONLY_ENCRYPTED: Final = {"Strict-Transport-Security": f"max-age={ONE_YEAR_S}"}

_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_MLFLOW: Final = (
    # MLflow's pages evaluate text as code, to draw plots, and use inline styles; all files are served from here.
    "default-src 'self'; script-src 'self' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-src 'self' blob: data:; "
    "connect-src 'self'; object-src 'none'; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)
ARTIFACT_POLICY: Final = f"sandbox; {_NOTHING}"
"""Files that a run has written are shown in a sandbox, without any permission."""


def headers_of_every_answer(*, encrypted: bool) -> Mapping[str, str]:
    """The headers that don't depend on the address."""
    return {**_EVERYWHERE, **(_ONLY_ENCRYPTED if encrypted else {})}


def policies_for(path: str) -> Mapping[bytes, bytes]:
    """The headers that depend on the address; an answer may set its own instead."""
    if path == DOCS_PATH:
        return _OF_DOCS
    return _OF_MLFLOW if path.startswith("/mlflow") else _OF_OTHERS


def _policies(content: str) -> Mapping[bytes, bytes]:
    return {b"content-security-policy": content.encode(), b"cache-control": b"no-store"}


_OF_DOCS: Final = _policies(DOCS_POLICY)
_OF_MLFLOW: Final = _policies(_MLFLOW)
_OF_OTHERS: Final = _policies(_NOTHING)
