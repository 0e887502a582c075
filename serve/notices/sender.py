"""Sends notices with retries, and writes the notices of a running server: its alerts, and reminders of lasting states.

It runs in the shipper's process, in its own thread and on its own connection: that process runs whenever the server
does, has access to the database, and answers no requests. A hanging delivery delays neither scoring nor shipping.
Servers that share a database share the work: each notice is claimed by one of them.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fraud.notices import note_alert, repeat_verdicts
from serve.notices.alerts import Alerts
from serve.notices.errors import NotSent
from serve.notices.table import Notice, Patience, WayName, claim, enqueue, mark_failed, mark_sent
from serve.notices.words import EVENTS, Message, message_of
from serve.prediction_log.chore import Chore
from serve.prediction_log.metrics import UpkeepMetrics
from serve.prediction_log.session import LogSession

logger = logging.getLogger(__name__)

SENDING_INTERVAL_S: Final = 10.0
ALERTS_INTERVAL_S: Final = 60.0
POLL_INTERVAL_S: Final = 0.5


class Way(Protocol):
    """One way of notification."""

    @property
    def name(self) -> WayName:
        """Its name in the table."""

    def send(self, message: Message) -> None:
        """Send a message; returns once it was accepted, raises NotSent if it was not."""


@dataclass(frozen=True, slots=True)
class Telling:
    """How people are notified."""

    ways: Sequence[Way]
    base_url: str
    """Base address of the pages."""
    repeat_after: dt.timedelta
    patience: Patience = Patience()  # noqa: RUF009 - frozen


class Sender:
    """Sends the notices of one database. `run` it in a thread."""

    def __init__(self, dsn: str, telling: Telling, alerts: Alerts, place: str) -> None:
        """`place` identifies this server among those that share the database."""
        self._session = LogSession(dsn)
        self._telling = telling
        self._alerts = alerts
        self._place = place

    def run(self, stop: threading.Event, metrics: UpkeepMetrics) -> None:
        """Send until `stop`."""
        chores = [
            Chore("alerts", self.watch, ALERTS_INTERVAL_S, metrics, self._session.disconnect),
            Chore("notices", self.send, SENDING_INTERVAL_S, metrics, self._session.disconnect),
        ]
        while not stop.is_set():
            for chore in chores:
                chore.do_when_due()
            stop.wait(POLL_INTERVAL_S)
        self._session.disconnect()

    def watch(self) -> None:
        """Check this server's alerts, and write notices of them."""
        repeat_after = self._telling.repeat_after
        with self._session.connected() as connection:
            for about, is_on in self._alerts.look().items():
                note_alert(connection, about, self._place, is_on=is_on, repeat_after=repeat_after)

    def send(self) -> None:
        """Send the notices that are due.

        Raises:
            DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        telling = self._telling
        with self._session.connected() as connection:
            repeat_verdicts(connection, EVENTS, telling.repeat_after)
            enqueue(connection, [way.name for way in telling.ways], telling.patience)
        for way in telling.ways:
            while self._send_next(way):
                pass

    def _send_next(self, way: Way) -> bool:
        """Send the next notice; returns whether one was sent. After a failure the way pauses until the next round."""
        patience = self._telling.patience
        with self._session.connected() as connection:
            notice = claim(connection, way.name, patience)
        if notice is None:
            return False
        try:
            way.send(message_of(notice, self._telling.base_url))
        except NotSent as error:
            self._failed(way, notice, str(error))
            return False
        with self._session.connected() as connection:
            mark_sent(connection, notice, way.name)
        return True

    def _failed(self, way: Way, notice: Notice, fault: str) -> None:
        with self._session.connected() as connection:
            is_lost = mark_failed(connection, notice, way.name, fault, self._telling.patience)
        if is_lost:
            logger.critical("notice %d is lost, it was not delivered by %s: %s", notice.number, way.name, fault)
        else:
            logger.warning(
                "notice %d is not delivered by %s yet, and will be sent again: %s", notice.number, way.name, fault
            )
