"""An administrator's acts on accounts: each changes an account and is recorded in the journal, atomically."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.journal.table import PERSON_EVENTS
from serve.people.account import Account, PersonRole, checked_name, checked_roles
from serve.people.accounts_table import add_account, change_account, find_account, lock_administrators
from serve.people.errors import PeopleError
from serve.people.passwords import hash_password, one_time_password

ACCOUNT: Final = "account"
"""Name of the fact with the account of an event."""


class Act(StrEnum):
    """Kinds of events about accounts."""

    ADDED = "account_added"
    RESET = "password_reset"
    ROLES = "roles_changed"
    DISABLED = "account_disabled"
    ENABLED = "account_enabled"


def add(connection: Connection, by: str, name: str, roles: Iterable[PersonRole]) -> str:
    """Create an account; returns a password for one login.

    Raises:
        PeopleError: the name or the roles are invalid, or the account exists already.
    """
    password = one_time_password()
    account = Account(checked_name(name), checked_roles(roles), hash_password(password), must_change=True)
    if not add_account(connection, account):
        raise PeopleError(f"account {name} exists already: choose another name, or reset that account")
    _enter(connection, by, Act.ADDED, account)
    return password


def reset(connection: Connection, by: str, name: str) -> str:
    """Replace a password; returns one for one login.

    Raises:
        PeopleError: there is no such account, or it has no password here.
    """
    account = _to_change(connection, name)
    if account.provider is not None:
        raise PeopleError(f"{name} logs in at an OpenID provider: have the password reset there")
    password = one_time_password()
    _change(
        connection,
        by,
        Act.RESET,
        msgspec.structs.replace(account, password=hash_password(password), must_change=True),
    )
    return password


def set_roles(connection: Connection, by: str, name: str, roles: Iterable[PersonRole]) -> None:
    """Give an account these roles, and no others.

    Raises:
        PeopleError: there is no such account, no role, or a provider sets the roles.
    """
    account = _to_change(connection, name)
    if account.provider is not None:
        raise PeopleError(
            f"{name} logs in at an OpenID provider, which sets the roles at each login: change them there"
        )
    _change(connection, by, Act.ROLES, msgspec.structs.replace(account, roles=checked_roles(roles)))


def set_disabled(connection: Connection, by: str, name: str, *, is_disabled: bool) -> None:
    """Disable or enable an account. Its person's acts stay on record.

    Raises:
        PeopleError: there is no such account.
    """
    account = _to_change(connection, name)
    act = Act.DISABLED if is_disabled else Act.ENABLED
    _change(connection, by, act, msgspec.structs.replace(account, is_disabled=is_disabled))


def keep_an_administrator(connection: Connection, name: str) -> None:
    """Check that an administrator remains, before an account loses the role `admin` or is disabled. Pages call this
    first. The command line needs no such check: it requires the database owner's login, not a role.

    Raises:
        PeopleError: no administrator would remain.
    """
    if lock_administrators(connection) == [name]:
        raise PeopleError(f"{name} is the last administrator of accounts: give somebody else that role first")


def _to_change(connection: Connection, name: str) -> Account:
    account = find_account(connection, name, is_to_change=True)
    if account is None:
        raise PeopleError(f"there is no account {name}: `python -m serve.people list` shows the existing ones")
    return account


def _change(connection: Connection, by: str, act: Act, account: Account) -> None:
    change_account(connection, account)
    _enter(connection, by, act, account)


def _enter(connection: Connection, by: str, act: Act, account: Account) -> None:
    PERSON_EVENTS.append(connection, by, act, {ACCOUNT: account.name, "roles": account.roles_in_order})
