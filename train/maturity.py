"""When a label may be believed.

A couple that applied last week has not divorced yet, whatever they mean to do: their label is 0 because nothing could
happen so far. A model trained on such labels learns that recent applicants are safe, and a gate that judges on them
rewards the model which says so. So a label counts only once the time in which a divorce would be quick has passed.
The reference data come with their final labels: there the time is 0 days.
"""

from __future__ import annotations

import datetime as dt


def label_cutoff(today: dt.date, label_maturity_days: int) -> dt.date:
    """Applications from this day on have no label that counts."""
    return today - dt.timedelta(days=label_maturity_days)


def known_before(today: dt.date) -> dt.datetime:
    """Outcomes that were recorded from this moment on (UTC) are unknown on that day: its end.

    A training on the day itself knows those of its morning alone. The version says up to which moment it knew them, so
    that the same can be trained again.
    """
    return dt.datetime.combine(today + dt.timedelta(days=1), dt.time(), dt.UTC)
