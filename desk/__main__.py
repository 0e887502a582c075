"""`python -m desk`: the pages, for the server that leads to them; started by its supervisor, not by hand."""

from __future__ import annotations

import functools
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from desk.app import create_app
from desk.cockpit.counters import read_counters
from desk.cockpit.minutes import MinuteKeeper
from desk.cockpit.page import Cockpit
from desk.cockpit.versions import MOST_VERSIONS, playing_versions
from desk.history.page import History
from desk.login import Logins
from desk.operate.pages import Operate
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
    every_version = None if registry is None else functools.partial(registry.versions, MOST_VERSIONS)
    cockpit = Cockpit(settings.model_name, versions, read_counters)
    history = History(settings.model_name, every_version)
    pages = [cockpit.page(), history.page(), *Logins().pages(), *report_pages(), *Operate(dsn).pages()]
    app = create_app(dsn, pages)
    keeper = MinuteKeeper(dsn, read_counters)
    threading.Thread(target=keeper.run, args=(threading.Event(),), name="minutes", daemon=True).start()
    uvicorn.run(app, uds=str(socket), log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    CommandLine(desk)()
