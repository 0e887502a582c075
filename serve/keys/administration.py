"""An administrator's acts on API keys: each changes a key and is recorded in the journal, atomically."""

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
"""Maximum of a lifetime, and of a grace time."""


class Act(StrEnum):
    """Kinds of events about API keys."""

    ADDED = "key_added"
    REVOKED = "key_revoked"
    ROTATED = "key_rotated"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key: it is shown only now."""

    number: int
    client: str
    roles: frozenset[Role]
    key: str = field(repr=False)


def add(
    connection: Connection, by: str, client: str, roles: Iterable[Role], lifetime: dt.timedelta | None = None
) -> NewKey:
    """Create a key for a client, which may have others; without a `lifetime` it is valid until revoked. Here and below,
    a refused act changes nothing.

    Raises:
        KeysError: invalid client, roles or lifetime.
    """
    if lifetime == dt.timedelta():
        raise KeysError("expected a time for which the key is valid")
    expires_at = None if lifetime is None else dt.datetime.now(dt.UTC) + _checked(lifetime)
    made = _add(connection, by, client, frozenset(roles), expires_at)
    _enter(connection, by, Act.ADDED, made, expires_at=expires_at)
    return made


def revoke(connection: Connection, by: str, number: int) -> None:
    """Revoke a key; it is invalid as soon as servers learn of it.

    Raises:
        KeysError: there is no such key, or it is no longer valid.
    """
    key = find_valid(connection, number)
    revoke_key(connection, number, by)
    _enter(connection, by, Act.REVOKED, key)


def rotate(connection: Connection, by: str, number: int, grace: dt.timedelta) -> NewKey:
    """Replace a key by a new one; the old one stays valid for a grace time, and the new one expires when the old one
    would have.

    Raises:
        KeysError: there is no such key, it is no longer valid, or it was replaced before.
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
    """A valid key, locked until the transaction ends.

    Raises:
        KeysError: there is no valid key of that number.
    """
    key = find_key(connection, number)
    if key is None:
        raise KeysError(f"there is no key {number}: the list of keys shows the existing ones")
    if not key.is_valid(dt.datetime.now(dt.UTC)):
        raise KeysError(f"key {number} of {key.client} is no longer valid")
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
