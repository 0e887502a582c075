"""Assembles the sender of notices from the settings."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Final

from fraud.settings import DatabaseRole, Settings
from serve.notices.alerts import Alerts, count_requests
from serve.notices.mail import Mail
from serve.notices.sender import Sender, Telling, Way
from serve.notices.webhook import Webhook
from serve.prediction_log.metrics import LogMetrics

REPEAT_AFTER: Final = dt.timedelta(days=1)
"""Interval after which a lasting state is notified again."""


def assemble_sender(settings: Settings, metrics: LogMetrics) -> Sender:
    """The sender of this server; `metrics` measures its spool.

    Raises:
        SettingsError: NOTIFY_URL has no key.
    """

    def spool_share() -> float:
        ((sample,),) = (family.samples for family in metrics.spool_bytes.collect())
        return float(sample.value) / settings.spool_max_bytes

    telling = Telling(ways_of(settings), settings.pages_url(), REPEAT_AFTER)
    place = f"{socket.gethostname()}:{settings.serve_port}"
    return Sender(settings.dsn(DatabaseRole.SERVER), telling, Alerts(spool_share, count_requests), place)


def ways_of(settings: Settings) -> tuple[Way, ...]:
    """The configured ways of notification.

    Raises:
        SettingsError: NOTIFY_URL has no key.
    """
    ways: list[Way] = []
    if settings.notify_url is not None:
        ways.append(Webhook(settings.notify_url.get_secret_value(), settings.notice_secret()))
    place = settings.mail_place()
    if place is not None:
        ways.append(Mail(place))
    return tuple(ways)
