"""`python -m serve`: answer requests until SIGTERM or Ctrl-C, then finish what is open and stop."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from fraud.command import EXIT_ERROR
from fraud.command_line import CommandLine
from fraud.errors import DatabaseError, EncodingError, NewerDatabaseError, OtherFeaturesError, ProjectError
from fraud.open_files import possible_connections
from fraud.schema_version import refuse_unfit
from fraud.settings import DatabaseRole, Settings, load_settings
from serve.http.tls import check_certificate, warn_if_readable
from serve.keys.errors import KeysError
from serve.keys.keeper import KeyKeeper
from serve.keys.local_copy import local_copy
from serve.keys.uses import key_uses
from serve.logs import LogFormat, configure_logging
from serve.model.model_store import model_store
from serve.notices.assembly import ways_of
from serve.workers.listener import check_free
from serve.workers.supervisor import Supervisor, worker_command

logger = logging.getLogger(__name__)

PROCESS: Final = "supervisor"
DATABASE_TIMEOUT_S: Final = 3
"""The server starts without a database, and waits only briefly for one."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on instead of SERVE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on instead of SERVE_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes instead of SERVE_WORKERS.")] = None,
) -> None:
    """Score applications over HTTP with the production model of the registry, or its verified local copy."""
    configure_logging(PROCESS)
    try:
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        # Check here, once, what workers and shipper need, rather than let each of them fail.
        settings.administrator_password()
        database = settings.dsn(DatabaseRole.SERVER)
        ways_of(settings)
        check_certificate(settings.ssl_certfile, settings.ssl_keyfile)
        address = host or settings.serve_host, port or settings.serve_port
        possible = possible_connections(settings.max_connections)
        if possible < settings.max_connections:
            logger.warning(
                "the limit on open files (`ulimit -Hn`) leaves room for %d connections a process, of the %d of "
                "MAX_CONNECTIONS: more are refused",
                possible,
                settings.max_connections,
            )
        check_free(*address)
        _refuse_unfit_database(database)
        _fetch_keys(settings, database)
        if not settings.asks_for_keys():
            logger.warning("AUTHENTICATION=off: everybody who can reach %s:%d can have applications scored", *address)
        warn_if_readable(address[0], encrypted=settings.ssl_certfile is not None)
        status = asyncio.run(_supervise(settings, *address, workers or settings.serve_workers))
    except ProjectError as error:
        logger.critical("%s", error)
        status = EXIT_ERROR
    sys.exit(status)


def _refuse_unfit_database(dsn: str) -> None:
    """Raise if records could never be shipped to this database. If it does not answer now, the shipper checks it
    later.
    """
    try:
        refuse_unfit(dsn, DATABASE_TIMEOUT_S)
    except (NewerDatabaseError, OtherFeaturesError, EncodingError):
        raise
    except DatabaseError as error:
        logger.warning("%s; records wait in the spool", error)


def _fetch_keys(settings: Settings, dsn: str) -> None:
    """Fetch the current API keys if the database answers; otherwise the keys of the last start stay valid."""
    copy = local_copy(settings.run_dir)
    keeper = KeyKeeper(dsn, copy, key_uses(settings.run_dir))
    try:
        keeper.keep_up()
        if settings.asks_for_keys() and not settings.api_keys and not copy.read():
            logger.warning(
                "there are no API keys, so nobody can score yet: create one with `python -m serve.keys add CLIENT`"
            )
    except KeysError as error:
        logger.warning("%s", error)
    finally:
        keeper.close()


async def _supervise(settings: Settings, host: str, port: int, workers: int) -> int:
    store, metrics = model_store(settings.run_dir, settings.model_name), settings.run_dir / "metrics" / str(port)
    stop_timeout_s = settings.drain_timeout_s + 5.0
    with tempfile.TemporaryDirectory(prefix="desk-") as private:  # the path of a socket has to be short
        desk = Path(private) / "socket" if settings.desk_db_password is not None else None
        command = worker_command(host, port, settings.threads_of_each(workers), workers, desk)
        return await Supervisor(command, workers, store, metrics, stop_timeout_s, desk=desk).run()


if __name__ == "__main__":
    CommandLine(serve)()
