"""API keys in PostgreSQL: all SQL about them. Callers record each change in the journal, in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from fraud.api_keys import ApiKey, Role
from serve.keys.stored_key import ListedKey, ValidKey

_LISTED: Final = """
    SELECT number, client, roles, made_at, made_by, expires_at, revoked_at, revoked_by, replaced_by, last_used_at
    FROM public.api_keys ORDER BY client, number
"""
_TO_CHANGE: Final = """
    SELECT number, client, roles, made_at, made_by, expires_at, revoked_at, revoked_by, replaced_by, last_used_at
    FROM public.api_keys WHERE number = %s FOR UPDATE
"""
_VALID: Final = """
    SELECT number, client, roles, sha256, expires_at FROM public.api_keys
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY number
"""
_ADD: Final = """
    INSERT INTO public.api_keys (client, roles, sha256, made_by, expires_at) VALUES (%s, %s, %s, %s, %s)
    RETURNING number
"""
_REVOKE: Final = "UPDATE public.api_keys SET revoked_at = now(), revoked_by = %s WHERE number = %s"
_REPLACE: Final = """
    UPDATE public.api_keys SET replaced_by = %s, expires_at = least(expires_at, now() + %s) WHERE number = %s
"""
_USED: Final = """
    UPDATE public.api_keys AS key SET last_used_at = greatest(last_used_at, used.at)
    FROM (VALUES %s) AS used (number, at) WHERE key.number = used.number
"""
MOST_NUMBER: Final = 2**63 - 1


def read_keys(connection: Connection) -> list[ListedKey]:
    """All keys ever created, by client."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTED)
        return [_listed(found) for found in cursor.fetchall()]


def find_key(connection: Connection, number: int) -> ListedKey | None:
    """A key, locked until the transaction ends; None if there is none of that number."""
    if number > MOST_NUMBER:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_TO_CHANGE, (number,))
        found = cursor.fetchone()
    return None if found is None else _listed(found)


def read_valid_keys(connection: Connection) -> list[ValidKey]:
    """The keys valid now."""
    with connection.cursor() as cursor:
        cursor.execute(_VALID)
        return [
            ValidKey(number, client, frozenset(map(Role, roles)), bytes(sha256), expires_at)
            for number, client, roles, sha256, expires_at in cursor.fetchall()
        ]


def add_key(connection: Connection, key: ApiKey, by: str, expires_at: dt.datetime | None) -> int:
    """Add a key; returns its number."""
    roles = [str(role) for role in Role if role in key.roles]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, (key.client, roles, key.sha256, by, expires_at))
        ((number,),) = cursor.fetchall()
    return int(number)


def revoke_key(connection: Connection, number: int, by: str) -> None:
    """Revoke a key."""
    with connection.cursor() as cursor:
        cursor.execute(_REVOKE, (by, number))


def replace_key(connection: Connection, number: int, by: int, grace: dt.timedelta) -> None:
    """Replace a key by key `by`; it stays valid for the grace time, unless it expires before."""
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE, (by, grace, number))


def note_uses(connection: Connection, uses: Mapping[int, dt.datetime]) -> None:
    """Write times of last use, by key number; later times in the table stay."""
    if uses:
        with connection.cursor() as cursor:
            execute_values(cursor, _USED, _rows(uses.items()))


def _rows(uses: Iterable[tuple[int, dt.datetime]]) -> list[tuple[int, dt.datetime]]:
    # Sorted, so that two servers can't deadlock.
    return sorted(uses)


def _listed(found: tuple[Any, ...]) -> ListedKey:
    number, client, roles, *rest = found
    return ListedKey(number, client, frozenset(map(Role, roles)), *rest)
