"""`python -m serve.prediction_log [--drain]`: ship the spool to PostgreSQL until SIGTERM, or until nothing is left;
started by the supervisor.

It runs beside the server processes and below their priority: while all cores score, the spool grows, and is shipped
when there is time.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from types import FrameType
from typing import Final

from fraud.command import EXIT_ERROR
from fraud.errors import ProjectError
from fraud.settings import DatabaseRole, load_settings
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.priority import give_way
from serve.prediction_log.shipper import Shipper, ShippingPlan, only_shipper
from serve.prediction_log.table import LogTable

logger = logging.getLogger(__name__)

PROCESS: Final = "shipper"
GC_THRESHOLD: Final = 100_000


def main() -> int:
    """Ship until told to stop, which `--drain` does at once; gives the exit status."""
    configure_logging(PROCESS)
    stop = threading.Event()
    if "--drain" in sys.argv[1:]:
        stop.set()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for interrupt in (signal.SIGTERM, signal.SIGINT):
        signal.signal(interrupt, end)
    try:
        settings = load_settings()
        configure_logging(PROCESS, LogFormat(settings.log_format))
        give_way()
        plan = ShippingPlan(settings.log_flush_interval_ms / 1000, settings.log_retention_months)
        with only_shipper(settings.spool_folder(), stop, plan.interval_s) as alone:
            if alone:
                table = LogTable(settings.dsn(DatabaseRole.SERVER))
                # Records make no cycles; the collector would look at thousands of them again and again.
                gc.freeze()
                gc.set_threshold(GC_THRESHOLD)
                Shipper(settings.spool_folder(), table, plan, LogMetrics()).run(stop)
    except ProjectError as error:
        logger.critical("%s", error)
        return EXIT_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
