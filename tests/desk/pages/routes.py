"""The addresses that the pages' process has, from that process's own command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pytest
from starlette.routing import Route

from desk.__main__ import application
from fraud.settings import load_settings

ASSETS: Final = "/assets/"


def declared_routes() -> list[Route]:
    """Of the application that `python -m desk` serves; it opens no connection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "host=127.0.0.1 port=1 dbname=none")
        patch.setenv("DESK_DB_PASSWORD", "none")
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1/mlflow")
        app: Any = application(load_settings())
    while not hasattr(app, "routes"):
        app = app._app
    return [*_flat(app.routes)]


def _flat(routes: Iterable[Any]) -> Iterable[Route]:
    for route in routes:
        if isinstance(route, Route):
            yield route
        else:
            yield from _flat(route.routes)
