"""Requests that another site's page has sent, with the login that the browser remembers: they do nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from serve.errors import Forbidden

_OURS: Final = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: from our own page, and typed by the user."""


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Let a request pass that comes from a page of ours, or from no page at all.

    Raises:
        Forbidden: it comes from another one. Browsers name a page's origin in every request that can change anything.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign or (site is not None and site not in _OURS):
        raise Forbidden("a page of another site sent this request: it does nothing here")
