"""What every way to log in ends with."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from desk.cookie import SESSION
from desk.visits import PASSWORD, Visit
from serve.journal.table import PERSON_EVENTS
from serve.people.account import Account
from serve.people.accounts_table import note_login
from serve.people.sessions import begin_session, end_session


def enter(visit: Visit, account: Account, kind: str, after: str) -> Response:
    """Log in again, and lead to `after`; `kind` is the event's.

    The browser's earlier session ends, so that nobody can plant one.
    """
    if visit.secret is not None:
        end_session(visit.connection, visit.secret)
    secret = begin_session(visit.connection, account.name)
    note_login(visit.connection, account.name)
    PERSON_EVENTS.append(visit.connection, account.name, kind, {"address": visit.address})
    response = RedirectResponse(PASSWORD if account.must_change else after, HTTPStatus.SEE_OTHER)
    SESSION.keep(visit.request, response, secret)
    return response


def local_address(path: str) -> str:
    """An address of ours; whatever else a link says leads to the first page."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"
