"""`python -m desk`: the pages, for the server that leads to them; started by its supervisor, not by hand."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from desk.app import create_app
from desk.cockpit.counters import read_counters
from desk.cockpit.page import Cockpit
from desk.cockpit.versions import playing_versions
from desk.keys.pages import KeyPages
from desk.login import Logins
from desk.reports.pages import report_pages
from fraud.command import EXIT_ERROR, print_error
from fraud.command_line import CommandLine
from fraud.errors import ProjectError
from fraud.registry import Registry
from fraud.settings import DatabaseRole, load_settings
from serve.logs import LogFormat, configure_logging

PROCESS = "desk"


def desk(
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on, in a folder that only the server reads.")],
) -> None:
    """Show pages to people who come through the server's port."""
    configure_logging(PROCESS)
    try:
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        dsn, uri = settings.dsn(DatabaseRole.DESK), settings.mlflow_tracking_uri
    except ProjectError as error:
        print_error(error)
        sys.exit(EXIT_ERROR)
    registry = Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None
    versions = None if registry is None else functools.partial(playing_versions, registry)
    keys = KeyPages(settings.api_keys)
    cockpit = Cockpit(settings.model_name, versions, read_counters)
    app = create_app(dsn, [cockpit.page(), *Logins().pages(), *report_pages(), *keys.pages()])
    uvicorn.run(app, uds=str(socket), log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    CommandLine(desk)()
