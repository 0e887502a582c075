"""A notice as it is sent."""

from __future__ import annotations

import datetime as dt

from serve.notices.table import Notice
from serve.notices.words import message_of

NOTICE = Notice(
    number=7,
    written_at=dt.datetime(2026, 5, 1, 1, 2, 3, 456, tzinfo=dt.UTC),
    about="drift",
    place="",
    state="fail",
    before="pass",
    report=12,
    repeats=False,
)
MESSAGE = message_of(NOTICE, "https://scoring.example/")
