"""What an administrator does with API keys: each act changes them and is in the journal, or neither."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from psycopg2.extensions import connection as Connection

from fraud.api_keys import ApiKey, Role, is_client_name, new_key
from serve.journal.table import PERSON_EVENTS
from serve.keys.errors import KeysError
from serve.keys.stored_key import ListedKey
from serve.keys.table import add_key, find_key, replace_key, revoke_key

LONGEST: Final = dt.timedelta(days=36_500)
"""Of a lifetime, and of a grace time."""


class Act(StrEnum):
    """Kinds of events about API keys."""

    ADDED = "key_added"
    REVOKED = "key_revoked"
    ROTATED = "key_rotated"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made: the only moment at which anybody sees it."""

    number: int
    client: str
    roles: frozenset[Role]
    key: str = field(repr=False)


def add(
    connection: Connection, by: str, client: str, roles: Iterable[Role], lifetime: dt.timedelta | None = None
) -> NewKey:
    """Make a key for a client, which may have others; without a `lifetime` it counts until it is revoked.

    Here and below nothing is changed where an act is refused.

    Raises:
        KeysError: there can be no such key.
    """
    if lifetime == dt.timedelta():
        raise KeysError("expected a time for which the key is to count")
    expires_at = None if lifetime is None else dt.datetime.now(dt.UTC) + _checked(lifetime)
    made = _add(connection, by, client, frozenset(roles), expires_at)
    _enter(connection, by, Act.ADDED, made, expires_at=expires_at)
    return made


def revoke(connection: Connection, by: str, number: int) -> None:
    """Have a key count no more, from the moment on at which servers hear of it.

    Raises:
        KeysError: there is no such key, or it counts no more already.
    """
    key = find_valid(connection, number)
    revoke_key(connection, number, by)
    _enter(connection, by, Act.REVOKED, key)


def rotate(connection: Connection, by: str, number: int, grace: dt.timedelta) -> NewKey:
    """Make a key in the place of another one, which counts for so long yet; the new one ends when that one would have.

    Raises:
        KeysError: there is no such key, it counts no more already, or it was replaced before.
    """
    key = find_valid(connection, number)
    if key.replaced_by is not None:
        raise KeysError(f"key {number} was replaced by key {key.replaced_by}: rotate that one")
    _checked(grace)
    made = _add(connection, by, key.client, key.roles, key.expires_at)
    replace_key(connection, number, made.number, grace)
    _enter(connection, by, Act.ROTATED, key, new=made.number, grace_s=grace.total_seconds())
    return made


def find_valid(connection: Connection, number: int) -> ListedKey:
    """A key that counts, which nobody else changes until the transaction ends.

    Raises:
        KeysError: there is none of that number.
    """
    key = find_key(connection, number)
    if key is None:
        raise KeysError(f"there is no key {number}: the list of keys shows those that are")
    if not key.is_valid(dt.datetime.now(dt.UTC)):
        raise KeysError(f"key {number} of {key.client} counts no more already")
    return key


def _add(
    connection: Connection, by: str, client: str, roles: frozenset[Role], expires_at: dt.datetime | None
) -> NewKey:
    if not is_client_name(client):
        raise KeysError(f"{client!r}: expected a name of 1 to 64 letters, digits or . _ -")
    if not roles:
        raise KeysError(f"expected at least one role of {', '.join(Role)}")
    key = new_key()
    return NewKey(add_key(connection, ApiKey.of(key, client, roles), by, expires_at), client, roles, key)


def _checked(time: dt.timedelta) -> dt.timedelta:
    if not dt.timedelta() <= time <= LONGEST:
        raise KeysError(f"expected a time of 0 to {LONGEST.days} days")
    return time


def _enter(connection: Connection, by: str, act: Act, key: ListedKey | NewKey, **more: Any) -> None:
    roles = [role for role in Role if role in key.roles]
    facts = {"key": key.number, "client": key.client, "roles": roles, **more}
    PERSON_EVENTS.append(connection, by, act, facts)
