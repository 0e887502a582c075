"""Which address scores: one match for every way to write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import unquote

import httptools

from serve.scoring.call import ScoringRoute

FindRoute = Callable[[str], ScoringRoute | None]
"""A decoded path -> the route, where it is one of a family that can't be listed."""


class ScoringRoutes:
    """The scoring routes of a server."""

    def __init__(self, routes: Iterable[ScoringRoute], find_others: FindRoute) -> None:
        self._by_path = {route.path: route for route in routes}
        self._by_target = {path.encode(): (path, route) for path, route in self._by_path.items()}
        self._find_others = find_others

    def match(self, target: bytes) -> tuple[str, ScoringRoute | None]:
        """The path that a request's target names, decoded and without its query, and the route that scores there."""
        known = self._by_target.get(target)
        if known is not None:
            return known
        path = path_of(target)
        return path, self._by_path.get(path) or self._find_others(path)


def path_of(target: bytes) -> str:
    """The path in a target of any form (RFC 9112, 3.2), decoded; the target itself where it names none."""
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        path = None
    return unquote((path or target).decode("latin-1"))
