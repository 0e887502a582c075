"""The form of log lines."""

from __future__ import annotations

import logging


def configure_logging() -> None:
    """Log to standard error: time, process, level, place, message."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each retry; the fault itself is reported
