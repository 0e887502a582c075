"""An account: who somebody is, and what they may do."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from serve.people.errors import PeopleError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class PersonRole(StrEnum):
    """What a person may do; nobody has a role by having another one."""

    OPERATE = "operate"
    """See how the service is, check drift, retrain, promote, roll back."""
    AUDIT = "audit"
    """Read the record, its verification and the journals."""
    REVIEW = "review"
    """Work cases at the desk."""
    SUPERVISE = "supervise"
    """Work cases at the desk, also escalated and others' ones, see how cases are worked, and send outcomes.

    A second signature takes any other officer, who need not supervise.
    """
    ADMIN = "admin"
    """Make, change and disable accounts and API keys."""


class Identity(msgspec.Struct, frozen=True):
    """A person as an OpenID provider knows them: both together, and nothing else, say who it is."""

    issuer: str
    subject: str


class Account(msgspec.Struct, frozen=True):
    """A person as the service knows them."""

    name: str
    roles: frozenset[PersonRole]
    password: str | None
    """As argon2id has it; None for who logs in at an OpenID provider."""
    must_change: bool = False
    """Whether the password was given by somebody else, for one login."""
    is_disabled: bool = False
    provider: Identity | None = None
    """Who the person is at an OpenID provider; None for who has a password here."""
    last_login_at: dt.datetime | None = None
    """Written at each login, and nowhere else."""

    @property
    def roles_in_order(self) -> list[PersonRole]:
        """As people list them."""
        return [role for role in PersonRole if role in self.roles]


def checked_name(name: str) -> str:
    """A name that an account can have.

    Raises:
        PeopleError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise PeopleError(
            f"{name!r}: expected a name of 1 to 64 lower-case letters, digits or . _ @ -, the first a letter or digit"
        )
    return name


def may_be_same_person(one: str, other: str) -> bool:
    """Whether two names may be of one person: alike up to the host, as where somebody with a password here logs in at
    an OpenID provider later. Who may be one person is never taken for two.
    """
    return one.partition("@")[0] == other.partition("@")[0]


def checked_roles(roles: Iterable[PersonRole]) -> frozenset[PersonRole]:
    """Roles for an account.

    Raises:
        PeopleError: there is none.
    """
    found = frozenset(roles)
    if not found:
        raise PeopleError(f"expected at least one role of {', '.join(PersonRole)}")
    return found
