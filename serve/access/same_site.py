"""Protection against cross-site requests, which a browser sends with its remembered login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from serve.errors import Forbidden

_OURS: Final = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: from our own page, or typed by the user."""


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Refuse requests from other sites' pages; those from our pages or from no page pass.

    Raises:
        Forbidden: it comes from another site. Browsers send the page's origin with every request that can change
            anything.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign or (site is not None and site not in _OURS):
        raise Forbidden("a page of another site sent this request: it was refused")
