"""`/desk`: the queue, and what happens where an officer takes the next case; the other pages of the desk beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from desk.cases.case_page import CasePage, officer_of
from desk.cases.supervision import supervision_page
from desk.cases.versions import Versions
from desk.cases.what_if import WhatIf
from desk.cases.words import DECISIONS, LISTS, STATES
from desk.rendering import render
from desk.visits import Page, Visit
from serve.cases.queue import Show, count_cases, list_cases
from serve.cases.work import OFFICERS, take_next

DESK: Final = "/desk"
MOST: Final = 200
"""Of one list."""


def case_pages(versions: Versions, *, blind_first: bool) -> list[Page]:
    """The addresses of the desk; `blind_first`: a first view is noted before the score is shown."""
    return [
        Page(DESK, _list, _take, OFFICERS),
        CasePage(versions, blind_first=blind_first).page(),
        WhatIf(versions, blind_first=blind_first).page(),
        supervision_page(),
    ]


def _list(visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    officer, asked = officer_of(visit), visit.request.query_params
    show = _shown(asked)
    only_overdue = asked.get("overdue") == "1"
    return render(
        "desk.html",
        visit,
        status,
        told=told,
        cases=list_cases(visit.connection, show, officer.name, MOST, only_overdue=only_overdue),
        counts=count_cases(visit.connection, officer.name),
        show=show,
        only_overdue=only_overdue,
        lists=LISTS,
        states=STATES,
        decisions=DECISIONS,
        now=dt.datetime.now(dt.UTC),
        most=MOST,
    )


def _take(visit: Visit) -> Response:
    """The next one; whoever presses the button twice gets two."""
    case = take_next(visit.connection, officer_of(visit))
    if case is None:
        return _list(visit, "There is no free case for you.", HTTPStatus.CONFLICT)
    return RedirectResponse(f"{DESK}/cases/{case.number}", HTTPStatus.SEE_OTHER)


def _shown(asked: Mapping[str, str]) -> Show:
    given = asked.get("show", Show.FREE)
    return Show(given) if given in set(Show) else Show.FREE
