"""`/operate/...`: a page that asks whether it is meant, and one that shows how it goes; for the role `operate`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response, StreamingResponse

from desk.assets import LIVE_URL
from desk.cockpit.schedule import is_heard, scheduled_tasks
from desk.errors import NotFound, NotNow, TooManyFollow
from desk.operate.acts import Act
from desk.operate.live import AT_ONCE, events
from desk.operate.requests import OperatorRequest, ask, find_request, list_requests, report_of
from desk.rendering import render
from desk.visits import APPLICATION_NAME, Page, Visit
from fraud.database import connect
from serve.journal.table import PERSON_EVENTS
from serve.people.account import PersonRole
from serve.people.sessions import person_in_session

OPERATORS: Final = frozenset({PersonRole.OPERATE})
MOST: Final = 50
"""Of the list."""
RELOAD_S: Final = 3
"""How often the page of an open request loads itself again."""
_LARGEST: Final = 2**63 - 1


class Operate:
    """The pages; they remember how many follow a request at the moment."""

    def __init__(self, dsn: str) -> None:
        """`dsn` is of the database, for the desk's role: what is followed is asked for again and again."""
        self._dsn = dsn
        self._following = 0

    def pages(self) -> list[Page]:
        """Their addresses."""
        return [
            Page("/operate", _list, roles=OPERATORS),
            Page("/operate/requests/{number:int}", _show, roles=OPERATORS),
            Page("/operate/requests/{number:int}/events", self._follow, roles=OPERATORS),
            Page("/operate/{act}", _confirm, _ask, OPERATORS),
        ]

    def _follow(self, visit: Visit) -> Response:
        number = _found(visit).number
        if self._following >= AT_ONCE:
            raise TooManyFollow("too many visitors follow requests at the moment: reload the page")
        return StreamingResponse(self._counted(visit.secret or "", number), media_type="text/event-stream")

    async def _counted(self, secret: str, number: int) -> AsyncIterator[str]:
        self._following += 1
        try:
            async for event in events(lambda: self._look(secret, number)):
                yield event
        finally:
            self._following -= 1

    def _look(self, secret: str, number: int) -> OperatorRequest | None:
        with connect(self._dsn, APPLICATION_NAME) as connection:
            person = person_in_session(connection, secret)
            is_operator = person is not None and bool(OPERATORS & person.roles)
            return find_request(connection, number) if is_operator else None


def _list(visit: Visit) -> Response:
    return render("requests.html", visit, requests=list_requests(visit.connection, MOST), acts=list(Act), most=MOST)


def _confirm(visit: Visit) -> Response:
    heard = is_heard(scheduled_tasks(visit.connection))
    return render("confirm.html", visit, act=_act(visit), is_heard=heard)


def _ask(visit: Visit) -> Response:
    """Ask for it, unless it is asked for already: two clicks lead to one run."""
    act = _act(visit)
    assert visit.person is not None  # noqa: S101 - the page takes a role
    if not is_heard(scheduled_tasks(visit.connection)):
        raise NotNow(f"no schedule is running: start `python -m jenkins.schedule`, or run `{act.told.by_hand}`")
    number, is_new = ask(visit.connection, act, visit.person.name)
    if is_new:
        facts = {"act": act, "request": number, "address": visit.address}
        PERSON_EVENTS.append(visit.connection, visit.person.name, "asked_for", facts)
    return RedirectResponse(f"/operate/requests/{number}", HTTPStatus.SEE_OTHER)


def _show(visit: Visit) -> Response:
    request = _found(visit)
    report = report_of(visit.connection, request)
    return render("request.html", visit, request=request, report=report, reload_s=RELOAD_S, live=LIVE_URL)


def _found(visit: Visit) -> OperatorRequest:
    number = visit.request.path_params["number"]
    found = find_request(visit.connection, number) if number <= _LARGEST else None
    if found is None:
        raise NotFound(f"there is no request {number}: /operate lists the existing ones")
    return found


def _act(visit: Visit) -> Act:
    asked = visit.request.path_params["act"]
    if asked not in set(Act):
        raise NotFound(f"there is no such action: expected one of {', '.join(Act)}")
    return Act(asked)
