"""Accounts in PostgreSQL: all SQL about them. Callers record each change in the journal, in the same transaction."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.people.account import Account, Identity, PersonRole

_COLUMNS: Final = sql.SQL("name, roles, password, must_change, is_disabled, issuer, subject, last_login_at")
_ALL: Final = sql.SQL("SELECT {columns} FROM public.people ORDER BY name").format(columns=_COLUMNS)
_ONE: Final = sql.SQL("SELECT {columns} FROM public.people WHERE name = %s").format(columns=_COLUMNS)
_TO_CHANGE: Final = sql.SQL("SELECT {columns} FROM public.people WHERE name = %s FOR UPDATE").format(columns=_COLUMNS)
_VOUCHED_FOR: Final = sql.SQL(
    "SELECT {columns} FROM public.people WHERE issuer = %s AND subject = %s FOR UPDATE"
).format(columns=_COLUMNS)
_ADD: Final = """
    INSERT INTO public.people (name, roles, password, must_change, issuer, subject) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
_CHANGE: Final = """
    UPDATE public.people SET roles = %s, password = %s, must_change = %s, is_disabled = %s WHERE name = %s
"""
_LOGGED_IN: Final = "UPDATE public.people SET last_login_at = now() WHERE name = %s"
_ADMINISTRATORS: Final = """
    SELECT name FROM public.people WHERE 'admin' = ANY (roles) AND NOT is_disabled ORDER BY name FOR UPDATE
"""
_END_SESSIONS: Final = "DELETE FROM public.people_sessions WHERE person = %s"


def read_accounts(connection: Connection) -> list[Account]:
    """All accounts, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        return [_account(found) for found in cursor.fetchall()]


def find_account(connection: Connection, name: str, *, is_to_change: bool = False) -> Account | None:
    """The account of that name; None if there is none.

    With `is_to_change` its row is locked until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TO_CHANGE if is_to_change else _ONE, (name,))
        found = cursor.fetchone()
    return None if found is None else _account(found)


def find_vouched_account(connection: Connection, identity: Identity) -> Account | None:
    """The account of a person at an OpenID provider, locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_VOUCHED_FOR, (identity.issuer, identity.subject))
        found = cursor.fetchone()
    return None if found is None else _account(found)


def lock_administrators(connection: Connection) -> list[str]:
    """Names of the active administrators, whose accounts are locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_ADMINISTRATORS)
        return [name for (name,) in cursor.fetchall()]


def add_account(connection: Connection, account: Account) -> bool:
    """Add an account; returns False if the name or the provider's person has one already."""
    issuer, subject = (None, None) if account.provider is None else msgspec.structs.astuple(account.provider)
    with connection.cursor() as cursor:
        values = (account.name, _roles(account), account.password, account.must_change, issuer, subject)
        cursor.execute(_ADD, values)
        return cursor.rowcount == 1


def change_account(connection: Connection, account: Account) -> None:
    """Change an account and end its sessions."""
    with connection.cursor() as cursor:
        values = (_roles(account), account.password, account.must_change, account.is_disabled, account.name)
        cursor.execute(_CHANGE, values)
        cursor.execute(_END_SESSIONS, (account.name,))


def note_login(connection: Connection, name: str) -> None:
    """Record the time of a login."""
    with connection.cursor() as cursor:
        cursor.execute(_LOGGED_IN, (name,))


def _roles(account: Account) -> list[str]:
    return [str(role) for role in account.roles_in_order]


def _account(found: tuple[Any, ...]) -> Account:
    name, roles, password, must_change, is_disabled, issuer, subject, last_login_at = found
    provider = None if issuer is None else Identity(issuer, subject)
    return Account(name, frozenset(map(PersonRole, roles)), password, must_change, is_disabled, provider, last_login_at)
