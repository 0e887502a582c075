"""A visit: one request for a page, with who sent it and what its form says; checked here, at one place."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from psycopg2.extensions import connection as Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from desk.cookie import SESSION
from desk.errors import ForeignForm, FormTooLarge, RoleMissing
from desk.form import Form, read_form
from fraud.database import connect
from serve.access.same_site import refuse_other_sites
from serve.errors import Forbidden
from serve.people.account import Account, PersonRole
from serve.people.sessions import form_token, person_in_session

APPLICATION_NAME: Final = "desk"
MAX_FORM_BYTES: Final = 64 * 1024
TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
LOGIN: Final = "/login"
PASSWORD: Final = "/password"  # noqa: S105 - an address
LOGOUT: Final = "/logout"
PROVIDER: Final = "/login/provider"
"""Leads to the OpenID provider, if there is one."""
CALLBACK: Final = "/login/provider/callback"
PROVIDER_LOGOUT: Final = "/login/provider/logout"
_ALWAYS: Final = frozenset({PASSWORD, LOGOUT})
"""What somebody may see whose password was given by somebody else."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request; it is in one transaction with the database."""

    request: Request
    connection: Connection
    form: Mapping[str, str]
    person: Account | None
    """None for the anonymous."""
    secret: str | None
    """Of the session."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Those that came with the form, by the names of their fields."""

    @property
    def token(self) -> str:
        """For the forms of a page."""
        return "" if self.secret is None or self.person is None else form_token(self.secret)

    @property
    def address(self) -> str:
        """Where the visitor is, as the server in front says."""
        return self.request.headers.get("x-forwarded-for", "")


Handler = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """An address, what answers there, and who may see it."""

    path: str
    show: Handler
    take: Handler | None = None
    """What its form does; it takes POST."""
    roles: frozenset[PersonRole] | None = None
    """Any of them will do; None: anybody, logged in or not."""
    most_bytes: int = MAX_FORM_BYTES
    """Of its form."""

    def route(self, dsn: str) -> Route:
        """As the application has it."""
        methods = ["GET"] if self.take is None else ["GET", "POST"]

        async def answer(request: Request) -> Response:
            form = await _form_of(request, self.most_bytes) if request.method == "POST" else Form()
            return await run_in_threadpool(self._answer, dsn, request, form)

        return Route(self.path, answer, methods=methods)

    def _answer(self, dsn: str, request: Request, form: Form) -> Response:
        with connect(dsn, APPLICATION_NAME) as connection:
            secret = SESSION.value_in(request)
            person = None if secret is None else person_in_session(connection, secret)
            visit = Visit(request, connection, form.fields, person, secret, form.files)
            elsewhere = self._elsewhere(visit)
            if elsewhere is not None:
                return RedirectResponse(elsewhere, HTTPStatus.SEE_OTHER)
            if self.take is None or request.method != "POST":
                return self.show(visit)
            _refuse_foreign(visit)
            return self.take(visit)

    def _elsewhere(self, visit: Visit) -> str | None:
        """Where a visitor has to go first.

        Raises:
            RoleMissing: they may not see this page at all.
        """
        path, person = visit.request.url.path, visit.person
        if person is not None and person.must_change and path not in _ALWAYS:
            return PASSWORD
        if self.roles is None:
            return None
        if person is None:
            return f"{LOGIN}?next={quote(path, safe='')}"
        if not self.roles & person.roles:
            raise RoleMissing(
                f"{person.name} has none of the roles for this page ({', '.join(sorted(self.roles))}): ask an "
                "administrator for one"
            )
        return None


def _refuse_foreign(visit: Visit) -> None:
    """Let a form pass that a page of ours has given to this visitor.

    Raises:
        ForeignForm: it is another one.
    """
    try:
        refuse_other_sites(visit.request.headers)
    except Forbidden as error:
        raise ForeignForm(str(error)) from None
    if visit.person is not None and not hmac.compare_digest(visit.form.get(TOKEN, "").encode(), visit.token.encode()):
        raise ForeignForm("this form is not from your current login: go back, reload the page, and send it again")


async def _form_of(request: Request, most_bytes: int) -> Form:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise FormTooLarge(f"expected a form of at most {most_bytes // 1024} kB")
    return read_form(request.headers.get("content-type", ""), bytes(body))
