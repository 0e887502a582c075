"""Accounts of people who log in at an OpenID provider: created at the first login, with the provider's roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec
from psycopg2.extensions import connection as Connection

from serve.journal.table import PERSON_EVENTS
from serve.people.account import Account, Identity, PersonRole
from serve.people.accounts_table import add_account, change_account, find_vouched_account
from serve.people.administration import ACCOUNT, Act
from serve.people.errors import PeopleError

MOST_OF_ONE_NAME: Final = 1000
_NAME_CHARACTERS: Final = 24
_HOST_CHARACTERS: Final = 32
"""Maximum lengths of the parts, so that with `@` and a number they fit into an account's name."""
_NOT_OF_A_NAME: Final = re.compile(r"[^a-z0-9._-]+")


def vouched_account(
    connection: Connection, identity: Identity, called: str, roles: frozenset[PersonRole]
) -> Account | None:
    """The account of a person, with these roles from now on; None for a person without roles and account. It is found
    by issuer and subject alone. The provider's name of the person is only used to name a new account, and never matches
    an existing one. A disabled account is returned unchanged.
    """
    account = find_vouched_account(connection, identity)
    if account is None:
        return _add(connection, identity, called, roles) if roles else None
    if account.is_disabled or account.roles == roles:
        return account
    account = msgspec.structs.replace(account, roles=roles)
    change_account(connection, account)
    _enter(connection, Act.ROLES, account, identity)
    return account


def names_for(called: str, issuer: str) -> Iterator[str]:
    """Candidate names of a new account, best first; the provider's host in them shows where the person logs in."""
    name = _cut(called.partition("@")[0], _NAME_CHARACTERS) or "person"
    host = _cut(urlsplit(issuer).hostname or "", _HOST_CHARACTERS)
    yield f"{name}@{host}"
    for number in range(2, MOST_OF_ONE_NAME):
        yield f"{name}-{number}@{host}"


def _add(connection: Connection, identity: Identity, called: str, roles: frozenset[PersonRole]) -> Account:
    for name in names_for(called, identity.issuer):
        account = Account(name, roles, None, provider=identity)
        if add_account(connection, account):
            _enter(connection, Act.ADDED, account, identity)
            return account
        # Another browser of the same person may have been faster.
        found = find_vouched_account(connection, identity)
        if found is not None:
            return found
    raise PeopleError(f"no name is free for an account like {name}: ask an administrator")


def _enter(connection: Connection, act: Act, account: Account, identity: Identity) -> None:
    facts: dict[str, str | Iterable[str]] = {
        ACCOUNT: account.name,
        "roles": account.roles_in_order,
        **msgspec.structs.asdict(identity),
    }
    PERSON_EVENTS.append(connection, f"provider:{urlsplit(identity.issuer).netloc}", act, facts)


def _cut(text: str, most: int) -> str:
    return _NOT_OF_A_NAME.sub("-", text.lower()).strip("._-")[:most]
