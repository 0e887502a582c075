"""The months that are replayed."""

from __future__ import annotations

import datetime as dt
from typing import Final

FIRST_MONTH: Final = dt.date(2025, 5, 1)
"""The new wave came in January 2025. By May all of it is still in the newest 20% of the applications, to which training
fits no tree: the first model does not know it."""
MONTHS: Final = 12


def next_month(first: dt.date) -> dt.date:
    """First day of the month after the one that begins on `first`."""
    return (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def replayed_months(count: int = MONTHS) -> tuple[dt.date, ...]:
    """First days of this number of months."""
    months = [FIRST_MONTH]
    while len(months) < count:
        months.append(next_month(months[-1]))
    return tuple(months[:count])
