"""`/notices`: notices to people, whether they arrived, and what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from desk.rendering import render
from desk.visits import Page, Visit
from serve.notices.table import WayName, count_lost, list_notices
from serve.notices.words import headline, what_to_do
from serve.people.account import PersonRole

SHOWN_TO: Final = frozenset({PersonRole.OPERATE, PersonRole.ADMIN})
MOST: Final = 100
"""Of one list."""
LOST_WITHIN: Final = dt.timedelta(days=7)


def notices_page(ways: Sequence[WayName]) -> Page:
    """Its address; `ways` are those that are set up."""

    def show(visit: Visit) -> Response:
        told = list_notices(visit.connection, MOST)
        return render(
            "notices.html",
            visit,
            notices=[(one, headline(one.notice), what_to_do(one.notice)) for one in told],
            ways=ways,
            lost=count_lost(visit.connection, LOST_WITHIN),
            most=MOST,
        )

    return Page("/notices", show, roles=SHOWN_TO)
