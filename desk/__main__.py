"""`python -m desk`: the pages, behind the server's port; the server's supervisor starts it, not a person."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.types import ASGIApp

from desk.app import create_app
from desk.cases.pages import case_pages
from desk.cases.versions import Versions
from desk.cockpit.counters import read_counters
from desk.cockpit.minutes import MinuteKeeper
from desk.cockpit.page import Cockpit
from desk.cockpit.versions import MOST_VERSIONS, playing_versions
from desk.dossiers.maker import DossierMaker
from desk.dossiers.pages import DossierPages
from desk.history.page import History
from desk.keys.pages import KeyPages
from desk.login import Logins
from desk.notices.pages import notices_page
from desk.oidc.provider import Client, Provider
from desk.operate.pages import Operate
from desk.outcomes.pages import outcomes_page
from desk.people import people_page
from desk.reports.pages import report_pages
from fraud.command_line import CommandLine
from fraud.errors import SettingsError
from fraud.registry import Registry
from fraud.settings import DatabaseRole, Settings, load_settings
from serve.logs import LogFormat, configure_logging
from serve.notices.assembly import ways_of

PROCESS = "desk"


def desk(
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on, in a folder that only the server reads.")],
) -> None:
    """Serve the pages for people behind the server's port."""
    configure_logging(PROCESS)
    settings = load_settings()
    configure_logging(PROCESS, LogFormat(settings.log_format))
    app = application(settings)
    keeper = MinuteKeeper(settings.dsn(DatabaseRole.DESK), read_counters)
    threading.Thread(target=keeper.run, args=(threading.Event(),), name="minutes", daemon=True).start()
    uvicorn.run(app, uds=str(socket), log_config=None, access_log=False, server_header=False)


def application(settings: Settings) -> ASGIApp:
    """All pages; nothing is connected yet.

    Raises:
        SettingsError: a setting has an invalid value.
    """
    dsn, uri = settings.dsn(DatabaseRole.DESK), settings.mlflow_tracking_uri
    registry = Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None
    versions = None if registry is None else functools.partial(playing_versions, registry)
    every_version = None if registry is None else functools.partial(registry.versions, MOST_VERSIONS)
    pages = [
        Cockpit(settings.model_name, versions, read_counters).page(),
        History(settings.model_name, every_version).page(),
        *report_pages(),
        *DossierPages(DossierMaker(settings)).pages(),
        *Operate(dsn).pages(),
        notices_page([way.name for way in ways_of(settings)]),
        *case_pages(Versions(registry), blind_first=settings.desk_blind_first),
        outcomes_page(),
        *KeyPages(settings.api_keys).pages(),
        people_page(),
        *Logins(provider=provider_of(settings)).pages(),
    ]
    return create_app(dsn, pages)


def provider_of(settings: Settings) -> Provider | None:
    """The OpenID provider of the settings; None if people log in only with passwords of this service.

    Raises:
        SettingsError: only one of its two settings is set.
    """
    if settings.oidc_issuer is None and settings.oidc_client_id is None:
        return None
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        raise SettingsError("OIDC_ISSUER and OIDC_CLIENT_ID: expected both, or neither")
    secret = settings.oidc_client_secret
    return Provider(
        Client(
            settings.oidc_issuer,
            settings.oidc_client_id,
            None if secret is None else secret.get_secret_value(),
            settings.oidc_scope,
            settings.oidc_roles_claim,
            settings.oidc_roles,
        )
    )


if __name__ == "__main__":
    CommandLine(desk)()
