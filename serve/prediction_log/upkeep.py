"""Maintenance of the log beside shipping: creates partitions in advance, removes expired ones, exports the drift
monitor's results.

It has its own thread and connection, so that its faults and waits never delay a record.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final

from psycopg2.errors import LockNotAvailable

from fraud.counted import counted
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.chore import PATIENCE_S, Chore
from serve.prediction_log.drift_gauges import DriftGauges
from serve.prediction_log.errors import RetentionWaits
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.report_gauges import ReportGauges
from serve.prediction_log.table import ChainEnd
from serve.prediction_log.upkeep_table import UpkeepTable

logger = logging.getLogger(__name__)

DAYS_AHEAD: Final = (0, 31, 62)
"""Partitions are created two months in advance."""
UPKEEP_INTERVAL_S: Final = 3600.0
RETENTION_INTERVAL_S: Final = 900.0
"""Servers wait for each other's notes of an expired month, and an hour of that is an alert."""
DRIFT_INTERVAL_S: Final = 15.0
"""Interval of reading the drift monitor's results."""
VERDICTS_INTERVAL_S: Final = 60.0
"""Interval of reading the results of checks."""
POLICIES_INTERVAL_S: Final = 15.0
"""Interval of fetching review policies, if nobody calls `/update-model`."""
JOURNALS_INTERVAL_S: Final = 15.0
"""Interval of anchoring journals: events cut off within it are not noticed."""
NAMED_CHAINS: Final = 20
"""Most chains that a message names."""
DETACH_TIME_S: Final = 2.0
"""Lock timeout: shippers write in short transactions, so there is a gap between two of them within this time."""
BETWEEN_ATTEMPTS_S: Final = 0.05
POLL_INTERVAL_S: Final = 0.5


class Upkeep:
    """Maintains one log. `run` it in a thread."""

    def __init__(
        self,
        table: UpkeepTable,
        anchors: AnchorBook,
        metrics: LogMetrics,
        patience_s: float = PATIENCE_S,
        *,
        fetch_policies: Callable[[], None] = lambda: None,
        anchor_journals: Callable[[], None] = lambda: None,
    ) -> None:
        """`fetch_policies` copies the database's review policies to this server. `anchor_journals` anchors the ends of
        the journals.
        """
        self._table = table
        self._anchors = anchors
        self._drift_gauges = DriftGauges()
        self._report_gauges = ReportGauges()
        self._chores = [
            Chore(name, do, interval_s, metrics.upkeep, table.disconnect, patience_s=patience_s)
            for name, do, interval_s in (
                ("partitions", self._make_months, UPKEEP_INTERVAL_S),
                ("retention", self._retain, RETENTION_INTERVAL_S),
                ("reports", self._remove_old_reports, UPKEEP_INTERVAL_S),
                ("drift", self._tell_drift, DRIFT_INTERVAL_S),
                ("verdicts", self._tell_reports, VERDICTS_INTERVAL_S),
                ("policies", fetch_policies, POLICIES_INTERVAL_S),
                ("journals", anchor_journals, JOURNALS_INTERVAL_S),
            )
        ]

    def run(self, stop: threading.Event) -> None:
        """Run due tasks until `stop`."""
        while not stop.is_set():
            self.keep_up()
            stop.wait(POLL_INTERVAL_S)
        self._table.disconnect()

    def keep_up(self) -> None:
        """Run the tasks that are due now."""
        for chore in self._chores:
            chore.do_when_due()

    def _make_months(self) -> None:
        now = dt.datetime.now(dt.UTC)
        self._table.make_partitions(now + dt.timedelta(days=days) for days in DAYS_AHEAD)

    def _retain(self) -> None:
        self._drop_detached()  # left by a process killed before this step
        # In order: a chain may lose its beginning, never something from its middle.
        for month in self._table.expired_months():
            self._note_ends(month)
            self._detach(month)
            self._drop_detached()

    def _drop_detached(self) -> None:
        for month in self._table.detached_months():
            self._note_ends(month)
            self._table.drop(month)
            logger.info("retention dropped %s", month)

    def _note_ends(self, month: str) -> None:
        """Anchor where the chains of this machine end in a month that is to go, and note it for the other servers.

        Raises:
            RetentionWaits: another chain's end is not noted yet.
        """
        own: list[ChainEnd] = []
        others: list[uuid.UUID] = []
        for chain in self._table.expired_chains(month):
            if self._anchors.expire(chain.end):
                own += [] if chain.is_noted else [chain.end]
            elif not chain.is_noted:
                others.append(chain.end.chain_id)
        if own:
            self._table.note(month, own)
        if others:
            raise RetentionWaits(
                f"{month} has expired, and stays until other servers note the end of {counted(len(others), 'chain')}: "
                "start these servers, or close the chains of those that have left by `python -m serve.audit "
                f"close-chain`: {', '.join(map(str, others[:NAMED_CHAINS]))}"
            )

    def _detach(self, month: str) -> None:
        deadline = time.monotonic() + DETACH_TIME_S
        while True:
            try:
                self._table.detach(month)
            except LockNotAvailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BETWEEN_ATTEMPTS_S)
            else:
                return

    def _remove_old_reports(self) -> None:
        if removed := self._table.remove_old_reports():
            logger.info("retention removed %s", counted(removed, "report"))

    def _tell_drift(self) -> None:
        self._drift_gauges.show(self._table.drift_state())

    def _tell_reports(self) -> None:
        self._report_gauges.show(self._table.report_states())
