"""Matching of scoring addresses, the same for every way to write a path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import unquote

import httptools

from serve.scoring.call import ScoringRoute

FindRoute = Callable[[str], ScoringRoute | None]
"""(decoded path) -> route, for families of paths that can't be listed."""


class ScoringRoutes:
    """The scoring routes of a server."""

    def __init__(self, routes: Iterable[ScoringRoute], find_others: FindRoute) -> None:
        self._by_path = {route.path: route for route in routes}
        self._by_target = {path.encode(): (path, route) for path, route in self._by_path.items()}
        self._find_others = find_others

    def match(self, target: bytes) -> tuple[str, ScoringRoute | None]:
        """The decoded path of a request's target, without its query, and the scoring route there."""
        known = self._by_target.get(target)
        if known is not None:
            return known
        path = path_of(target)
        return path, self._by_path.get(path) or self._find_others(path)


def path_of(target: bytes) -> str:
    """The decoded path of a target of any form (RFC 9112, 3.2); the target itself if it has no path."""
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        path = None
    return unquote((path or target).decode("latin-1"))
