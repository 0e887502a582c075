"""`python -m serve.workers.worker`: one process that answers requests; started by the supervisor, not by hand."""

from __future__ import annotations

import functools
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
import uvicorn

from fraud.command import EXIT_ERROR
from fraud.command_line import CommandLine
from fraud.errors import ProjectError
from fraud.open_files import possible_connections
from fraud.registry import Registry
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.settings.access import ADMIN_USER
from fraud.tracing import is_tracing
from serve.access.authentication import Administrator, Authenticator
from serve.access.client_address import TrustedProxies
from serve.access.control import AccessControl
from serve.access.known_browsers import KnownBrowsers
from serve.app import Parts, create_app
from serve.decoding.row_scanner import RowScanner
from serve.desk_proxy.proxy import DeskProxy
from serve.engine import EngineKind, EngineOptions
from serve.http.connection import Connection
from serve.http.tls import end_of_certificate
from serve.idempotency.answers import SavedAnswers
from serve.keys.local_copy import local_copy
from serve.keys.uses import key_uses
from serve.keys.watch import KeyWatch
from serve.limits import Limits
from serve.logs import LogFormat, configure_logging
from serve.metrics import METRICS_DIR_VARIABLE
from serve.mlflow_proxy.proxy import MlflowProxy
from serve.model.change_messages import Channel
from serve.model.model_change import ModelChange
from serve.model.model_store import model_store
from serve.model.registry_watch import RegistryWatch
from serve.model.serving_model import ServingModel
from serve.overload.rate_limits import NoLimits, RateLimits
from serve.policy.journal_file import journal_file
from serve.policy.policies import ReviewPolicies
from serve.prediction_log.pseudonym import Pseudonyms
from serve.prediction_log.spool import Spool, Sync
from serve.scoring.span import RequestSpans
from serve.shadow.state_file import state_file
from serve.workers.listener import listen

logger = logging.getLogger(__name__)

PROCESS: Final = "worker"
RATE_LIMITS_FILE: Final = "rate_limits"
SECONDS_AN_HOUR: Final = 3600


def assemble(
    settings: Settings, channel: Channel, threads: int, workers: int, desk: Path | None = None, *, refresh: bool
) -> Parts:
    """Assemble the application's parts from the settings.

    Raises:
        SettingsError: a password is not set.
    """
    administrator = Administrator(ADMIN_USER, settings.administrator_password())
    uri = settings.mlflow_tracking_uri
    registry = Registry(uri, settings.model_name, settings.registry_timeout_s) if uri else None
    store = model_store(settings.run_dir, settings.model_name)
    options = EngineOptions(threads=threads, kind=EngineKind(settings.engine), cache_dir=settings.compiled_folder())
    model = ServingModel(settings.model_name, store, registry, options)
    change = ModelChange(channel, model)
    journal = journal_file(settings.run_dir)
    sync = Sync(settings.audit_sync)
    keep_s = settings.idempotency_hours * SECONDS_AN_HOUR
    authenticator = Authenticator(settings.api_keys, administrator)
    access = AccessControl(
        authenticator,
        required=settings.asks_for_keys(),
        proxies=TrustedProxies(settings.trusted_proxies),
    )
    return Parts(
        model=model,
        change=change,
        json=RowScanner(options.cache_dir),
        log=Spool(settings.spool_folder(), settings.spool_max_bytes, sync),
        saved_answers=SavedAnswers(settings.spool_folder(), keep_s, durable=sync is Sync.ALWAYS),
        pseudonyms=Pseudonyms(*settings.ref_keys()),
        policies=ReviewPolicies(journal, settings.control_secret()),
        fetch_policies=lambda: journal.renew(settings.dsn(DatabaseRole.SERVER)),
        database=lambda: settings.dsn(DatabaseRole.SERVER),
        limits=Limits(
            max_batch_rows=settings.max_batch_rows,
            max_body_bytes=settings.max_body_bytes,
            max_rows_in_flight=settings.max_rows_in_flight,
            max_bytes_in_flight=settings.max_bytes_in_flight,
            max_wait_s=settings.max_wait_ms / 1000,
            max_connections=possible_connections(settings.max_connections),
            read_timeout_s=settings.read_timeout_s,
        ),
        rate_limits=rate_limits(settings),
        access=access,
        keys=KeyWatch(authenticator, settings.api_keys, local_copy(settings.run_dir), key_uses(settings.run_dir)),
        shadow=state_file(settings.run_dir, settings.shadow_alias),
        browsers=KnownBrowsers(administrator.user, administrator.password),
        proxy=MlflowProxy(uri, settings.model_name) if uri else None,
        desk=DeskProxy(desk, access) if desk else None,
        scoring_threads=threads,
        workers=workers,
        drain_timeout_s=settings.drain_timeout_s,
        encrypted=settings.ssl_certfile is not None,
        certificate_ends_at_s=None if settings.ssl_certfile is None else end_of_certificate(settings.ssl_certfile),
        watch=RegistryWatch(change, model, settings.model_watch_s if uri else 0.0) if refresh else None,
        lease_s=settings.model_lease_s if uri else None,
        spans=_request_spans(),
    )


def _request_spans() -> RequestSpans | None:
    if not is_tracing():
        return None
    from serve.request_spans import open_request_spans  # noqa: PLC0415 - imported only with a collector

    return open_request_spans()


def rate_limits(settings: Settings) -> RateLimits | NoLimits:
    """The clients' rate limits, counted in the workers' shared folder, which the supervisor has emptied."""
    rates = settings.rate_limit_requests_per_s, settings.rate_limit_rows_per_s
    if rates == (None, None):
        return NoLimits()
    return RateLimits(Path(os.environ[METRICS_DIR_VARIABLE]) / RATE_LIMITS_FILE, *rates)


def work(
    host: Annotated[str, typer.Option(help="Address to listen on.")],
    port: Annotated[int, typer.Option(help="Port to listen on, shared with the other workers.")],
    threads: Annotated[int, typer.Option(help="Threads that score large batches.")],
    workers: Annotated[int, typer.Option(help="Total number of server processes.")],
    control: Annotated[int, typer.Option(help="File descriptor of the channel to the supervisor.")],
    *,
    desk: Annotated[Path | None, typer.Option(help="Socket of the desk; default: no desk.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Poll the registry.")] = False,
) -> None:
    """Serve until the supervisor sends a stop, or has ended."""
    configure_logging(PROCESS)
    try:
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        parts = assemble(settings, Channel(socket.socket(fileno=control)), threads, workers, desk, refresh=refresh)
        listener = listen(host, port)
    except ProjectError as error:
        logger.critical("%s", error)
        sys.exit(EXIT_ERROR)
    application = create_app(parts)
    config = uvicorn.Config(
        application.asgi,
        loop="serve.http.tls:HandshakeBoundLoop",
        http=functools.partial(Connection, application.service),  # type: ignore[arg-type]
        access_log=False,
        log_config=None,
        server_header=False,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        ws="none",
        proxy_headers=False,  # `access.client_address` handles them
        date_header=False,
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    CommandLine(work)()
