"""`python -m serve.prediction_log [--drain]`: ship the spool to PostgreSQL until SIGTERM, or until nothing is left;
started by the supervisor.

It runs beside the server processes with lower priority: while all cores score, the spool grows, and is shipped later.
"""

from __future__ import annotations

import datetime as dt
import functools
import gc
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Final

import typer

from fraud.command import EXIT_ERROR
from fraud.command_line import CommandLine
from fraud.database import open_connection
from fraud.errors import DatabaseError, EncodingError, ProjectError
from fraud.priority import give_way
from fraud.settings import DatabaseRole, Settings, load_settings
from serve.cases.opening import CaseOpener
from serve.journal.ends import anchor_journals
from serve.keys.keeper import KeyKeeper
from serve.keys.local_copy import local_copy
from serve.keys.uses import key_uses
from serve.logs import LogFormat, configure_logging
from serve.notices.assembly import assemble_sender
from serve.policy.journal_file import journal_file
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import anchor_key
from serve.prediction_log.anchor_place import place_of
from serve.prediction_log.anchor_sender import AnchorSender
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.session import APPLICATION_NAME
from serve.prediction_log.shipper import OnShipped, Shipper, only_shipper, tell_nobody
from serve.prediction_log.table import LogTable
from serve.prediction_log.upkeep import Upkeep
from serve.prediction_log.upkeep_table import UpkeepTable

logger = logging.getLogger(__name__)

PROCESS: Final = "shipper"
SHIP_INTERVAL_S: Final = 0.1
"""Time for which predictions are collected, so that PostgreSQL gets few large inserts."""
NICENESS: Final = 3
"""Niceness: yields to scoring, but still keeps up if all cores are busy."""
GC_THRESHOLD: Final = 100_000
LAST_USES_S: Final = 5.0
"""Time for writing the last uses of API keys at the end."""


def main(
    *, drain: Annotated[bool, typer.Option("--drain", help="End as soon as nothing is left to ship.")] = False
) -> int:
    """Ship the records of answers from the spool to PostgreSQL, until SIGTERM or Ctrl-C; the server starts it.

    Exit status: 0 stopped, or nothing was left; 2 the settings are wrong, or the database can't hold the records.
    """
    configure_logging(PROCESS)
    stop = threading.Event()
    if drain:
        stop.set()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for interrupt in (signal.SIGTERM, signal.SIGINT):
        signal.signal(interrupt, end)
    try:
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        give_way(NICENESS)
        refuse_unfit_database(settings.dsn(DatabaseRole.SERVER))
        with only_shipper(settings.spool_folder(), stop, SHIP_INTERVAL_S) as alone:
            if alone:
                _ship(settings, stop)
    except ProjectError as error:
        logger.critical("%s", error)
        return EXIT_ERROR
    return 0


def refuse_unfit_database(dsn: str) -> None:
    """Return if the database can store the records, or is unavailable, so that the spool keeps them meanwhile.

    Raises:
        EncodingError: it can't store them.
    """
    try:
        open_connection(dsn, APPLICATION_NAME).close()
    except EncodingError:
        raise
    except DatabaseError:
        return


def _ship(settings: Settings, stop: threading.Event) -> None:
    folder, dsn = settings.spool_folder(), settings.dsn(DatabaseRole.SERVER)
    anchors, metrics = AnchorBook(folder, anchor_key(settings)), LogMetrics()
    metrics.spool_limit_bytes.set(settings.spool_max_bytes)
    journal = journal_file(settings.run_dir)
    upkeep = Upkeep(
        UpkeepTable(dsn, settings.log_retention_months),
        anchors,
        metrics,
        fetch_policies=lambda: journal.renew(dsn),
        anchor_journals=lambda: anchor_journals(dsn, anchors),
    )
    notices = assemble_sender(settings, metrics)
    # Records form no cycles, and the garbage collector would scan thousands of them repeatedly.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    if settings.anchor_url is not None:
        sender = AnchorSender(Anchors(folder), place_of(settings.anchor_url.get_secret_value()))
        threading.Thread(target=sender.run, args=(stop, metrics.upkeep), name="anchor-sender", daemon=True).start()
    threading.Thread(target=notices.run, args=(stop, metrics.upkeep), name="notices", daemon=True).start()
    cases = CaseOpener(dsn, settings.control_secret(), dt.timedelta(days=settings.desk_due_days))
    threading.Thread(target=cases.run, args=(stop, metrics.upkeep), name="cases", daemon=True).start()
    # Work in progress at the end is abandoned, and done by the next process.
    threading.Thread(target=upkeep.run, args=(stop,), name="upkeep", daemon=True).start()
    tell_behind_s = functools.partial(metrics.upkeep.tell, "api_keys")
    keeper = KeyKeeper(dsn, local_copy(settings.run_dir), key_uses(settings.run_dir), tell_behind_s)
    keeping = threading.Thread(target=keeper.run, args=(stop,), name="api-keys", daemon=True)
    keeping.start()
    interval_s = SHIP_INTERVAL_S
    with _shadow(settings) as on_shipped:
        Shipper(folder, LogTable(dsn), anchors, interval_s, metrics, on_shipped=on_shipped).run(stop)
    keeping.join(LAST_USES_S)


@contextmanager
def _shadow(settings: Settings) -> Iterator[OnShipped]:
    """The receiver of shipped records, so that a shadow version scores them too."""
    if settings.shadow_alias is None:
        yield tell_nobody
        return
    # Imported only with a shadow, since an engine takes memory.
    from serve.shadow.assembly import assemble_shadow  # noqa: PLC0415

    with assemble_shadow(settings, settings.shadow_alias).running() as shadow:
        yield shadow.offer


if __name__ == "__main__":
    CommandLine(main)()
