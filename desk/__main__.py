"""`python -m desk`: the pages, for the server that leads to them; started by its supervisor, not by hand."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from desk.app import create_app
from desk.cockpit.counters import read_counters
from desk.cockpit.page import Cockpit
from desk.cockpit.versions import playing_versions
from desk.login import Logins
from desk.notices.pages import notices_page
from desk.reports.pages import report_pages
from fraud.command_line import CommandLine
from fraud.registry import Registry
from fraud.settings import DatabaseRole, load_settings
from serve.logs import LogFormat, configure_logging
from serve.notices.assembly import ways_of

PROCESS = "desk"


def desk(
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on, in a folder that only the server reads.")],
) -> None:
    """Show pages to people who come through the server's port."""
    configure_logging(PROCESS)
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    dsn, uri = settings.dsn(DatabaseRole.DESK), settings.mlflow_tracking_uri
    ways = [way.name for way in ways_of(settings)]
    registry = Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None
    versions = None if registry is None else functools.partial(playing_versions, registry)
    cockpit = Cockpit(settings.model_name, versions, read_counters)
    app = create_app(dsn, [cockpit.page(), *Logins().pages(), *report_pages(), notices_page(ways)])
    uvicorn.run(app, uds=str(socket), log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    CommandLine(desk)()
