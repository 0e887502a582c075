"""API keys: the list with last uses, and what an administrator does with them. A new key is shown once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from desk.errors import NotFound
from desk.rendering import render
from desk.visits import Page, Visit
from fraud.api_keys import ApiKey, Role
from serve.keys import administration
from serve.keys.administration import LONGEST, NewKey, find_valid
from serve.keys.errors import KeysError
from serve.keys.stored_key import ListedKey, state_of
from serve.keys.table import read_keys
from serve.people.account import Account, PersonRole

KEYS: Final = "/keys"
SHOWN_TO: Final = frozenset({PersonRole.ADMIN})
MEANINGS: Final[Mapping[Role, str]] = {
    Role.SCORE: "have applications scored",
    Role.READ: "see metrics, reports and the registry",
    Role.OPERATE: "change what is served",
    Role.LABEL: "record outcomes of applications",
}
_NUMBER: Final = re.compile(r"[0-9]{1,5}")


class KeyPages:
    """Their addresses; `of_settings` are the keys that the server knows without the database."""

    def __init__(self, of_settings: Sequence[ApiKey]) -> None:
        self._of_settings = of_settings

    def pages(self) -> list[Page]:
        """What the application has."""
        return [
            Page(KEYS, self._list, self._add, SHOWN_TO),
            Page(f"{KEYS}/{{number:int}}/revoke", _ask_to_revoke, _revoke, SHOWN_TO),
            Page(f"{KEYS}/{{number:int}}/rotate", _ask_to_rotate, _rotate, SHOWN_TO),
        ]

    def _list(self, visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        now = dt.datetime.now(dt.UTC)
        keys = [(key, state_of(key, now), key.is_valid(now)) for key in read_keys(visit.connection)]
        return render(
            "keys.html",
            visit,
            status,
            told=told,
            keys=keys,
            of_settings=self._of_settings,
            meanings=MEANINGS,
            form=visit.form,
            most_days=LONGEST.days,
        )

    def _add(self, visit: Visit) -> Response:
        roles = [role for role in Role if f"role_{role}" in visit.form]
        try:
            days = _whole(visit.form.get("days", ""), "days")
            lifetime = None if days is None else dt.timedelta(days=days)
            made = administration.add(
                visit.connection, _person(visit).name, visit.form.get("client", "").strip(), roles, lifetime
            )
        except KeysError as error:
            return self._list(visit, _sentence(error), HTTPStatus.BAD_REQUEST)
        return _shown(visit, made)


def _ask_to_revoke(visit: Visit) -> Response:
    return render("key_revoke.html", visit, key=_found(visit))


def _revoke(visit: Visit) -> Response:
    key = _found(visit)
    administration.revoke(visit.connection, _person(visit).name, key.number)
    return RedirectResponse(KEYS, HTTPStatus.SEE_OTHER)


def _ask_to_rotate(visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    hours = visit.form.get("hours", "24")
    return render("key_rotate.html", visit, status, told=told, key=_found(visit), hours=hours)


def _rotate(visit: Visit) -> Response:
    key = _found(visit)
    try:
        hours = _whole(visit.form.get("hours", ""), "hours")
        if hours is None:
            raise KeysError("enter for how many hours the old key stays valid; 0 ends it at once")
        made = administration.rotate(visit.connection, _person(visit).name, key.number, dt.timedelta(hours=hours))
    except KeysError as error:
        return _ask_to_rotate(visit, _sentence(error), HTTPStatus.BAD_REQUEST)
    return _shown(visit, made, replaced=key, hours=hours)


def _shown(visit: Visit, made: NewKey, replaced: ListedKey | None = None, hours: int = 0) -> Response:
    """The only page that ever has this key; no copy of it may stay anywhere."""
    response = render("key_made.html", visit, made=made, replaced=replaced, hours=hours)
    response.headers["Cache-Control"] = "no-store"
    return response


def _found(visit: Visit) -> ListedKey:
    try:
        return find_valid(visit.connection, visit.request.path_params["number"])
    except KeysError as error:
        raise NotFound(str(error)) from None


def _person(visit: Visit) -> Account:
    assert visit.person is not None  # noqa: S101 - the pages take a role
    return visit.person


def _whole(text: str, what: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise KeysError(f"expected a whole number of {what}")
    return int(text)


def _sentence(error: KeysError) -> str:
    told = str(error)
    return f"{told[:1].upper()}{told[1:]}."
