"""Accounts in PostgreSQL: all SQL about them. Who changes one says in the journal, in the same transaction."""

from __future__ import annotations

from typing import Any, Final

from psycopg2.extensions import connection as Connection

from serve.people.account import Account, PersonRole
from serve.people.errors import PeopleError

_ALL: Final = "SELECT name, roles, password, must_change, is_disabled FROM public.people ORDER BY name"
_ONE: Final = "SELECT name, roles, password, must_change, is_disabled FROM public.people WHERE name = %s"
_TO_CHANGE: Final = (
    "SELECT name, roles, password, must_change, is_disabled FROM public.people WHERE name = %s FOR UPDATE"
)
_ADD: Final = """
    INSERT INTO public.people (name, roles, password, must_change) VALUES (%s, %s, %s, %s)
    ON CONFLICT (name) DO NOTHING
"""
_CHANGE: Final = """
    UPDATE public.people SET roles = %s, password = %s, must_change = %s, is_disabled = %s WHERE name = %s
"""
_END_SESSIONS: Final = "DELETE FROM public.people_sessions WHERE person = %s"


def read_accounts(connection: Connection) -> list[Account]:
    """All of them, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL)
        return [_account(found) for found in cursor.fetchall()]


def find_account(connection: Connection, name: str, *, is_to_change: bool = False) -> Account | None:
    """The account of that name; None if there is none.

    One that `is_to_change` is changed by nobody else until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TO_CHANGE if is_to_change else _ONE, (name,))
        found = cursor.fetchone()
    return None if found is None else _account(found)


def add_account(connection: Connection, account: Account) -> None:
    """A new one.

    Raises:
        PeopleError: there is one of that name.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADD, (account.name, _roles(account), account.password, account.must_change))
        if cursor.rowcount == 0:
            raise PeopleError(f"there is an account {account.name} already: choose another name, or reset that one")


def change_account(connection: Connection, account: Account) -> None:
    """What an account is from now on; whoever is logged in by it has to log in again."""
    with connection.cursor() as cursor:
        values = (_roles(account), account.password, account.must_change, account.is_disabled, account.name)
        cursor.execute(_CHANGE, values)
        cursor.execute(_END_SESSIONS, (account.name,))


def _roles(account: Account) -> list[str]:
    return [str(role) for role in account.roles_in_order]


def _account(found: tuple[Any, ...]) -> Account:
    name, roles, password, must_change, is_disabled = found
    return Account(name, frozenset(map(PersonRole, roles)), password, must_change, is_disabled)
