"""`/people`: accounts, for administrators: who may do what, and the acts of `python -m serve.people`."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from desk.rendering import render
from desk.visits import Page, Visit
from serve.people import administration
from serve.people.account import PersonRole
from serve.people.accounts_table import read_accounts
from serve.people.errors import PeopleError

PEOPLE: Final = "/people"
ROLE_FIELD: Final = "role_"
"""A box for each role has this and the role as its name."""

Act = Callable[[Visit, str, str], str | None]
"""An action of the form, its actor and the account; returns a password to show once, if there is one."""


def people_page() -> Page:
    """Its address."""
    return Page(PEOPLE, _show, _change, frozenset({PersonRole.ADMIN}))


def _show(visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK, password: str | None = None) -> Response:
    accounts = read_accounts(visit.connection)
    name = visit.form.get("name", "")
    return render(
        "people.html", visit, status, told=told, accounts=accounts, roles=list(PersonRole), name=name, password=password
    )


def _change(visit: Visit) -> Response:
    assert visit.person is not None  # noqa: S101 - the page takes a role
    act = ACTS.get(visit.form.get("act", ""))
    if act is None:
        return _show(visit, "This form asks for an unknown action.", HTTPStatus.BAD_REQUEST)
    try:
        password = act(visit, visit.person.name, visit.form.get("name", "").strip())
    except PeopleError as error:
        return _show(visit, f"This can't be done: {error}.", HTTPStatus.BAD_REQUEST)
    if password is not None:
        return _show(visit, password=password)
    return RedirectResponse(PEOPLE, HTTPStatus.SEE_OTHER)


def _add(visit: Visit, by: str, name: str) -> str:
    return administration.add(visit.connection, by, name, _chosen(visit))


def _reset(visit: Visit, by: str, name: str) -> str:
    return administration.reset(visit.connection, by, name)


def _set_roles(visit: Visit, by: str, name: str) -> None:
    roles = _chosen(visit)
    if PersonRole.ADMIN not in roles:
        administration.keep_an_administrator(visit.connection, name)
    administration.set_roles(visit.connection, by, name, roles)


def _disable(visit: Visit, by: str, name: str) -> None:
    administration.keep_an_administrator(visit.connection, name)
    administration.set_disabled(visit.connection, by, name, is_disabled=True)


def _enable(visit: Visit, by: str, name: str) -> None:
    administration.set_disabled(visit.connection, by, name, is_disabled=False)


def _chosen(visit: Visit) -> list[PersonRole]:
    return [role for role in PersonRole if f"{ROLE_FIELD}{role}" in visit.form]


ACTS: Final[dict[str, Act]] = {
    "add": _add,
    "reset": _reset,
    "roles": _set_roles,
    "disable": _disable,
    "enable": _enable,
}
"""By the names of the buttons."""
