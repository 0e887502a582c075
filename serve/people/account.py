"""An account: a person's identity and roles."""

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
    """Roles of people; no role includes another."""

    OPERATE = "operate"
    """Watch the service, check drift, retrain, promote, roll back."""
    AUDIT = "audit"
    """Read the record, its verification and the journals."""
    REVIEW = "review"
    """Work cases at the desk."""
    SUPERVISE = "supervise"
    """Work cases at the desk, including escalated ones and those of others; see the overview of cases; send outcomes. A
    second signature needs any other officer, not a supervisor.
    """
    ADMIN = "admin"
    """Create, change and disable accounts and API keys."""


class Identity(msgspec.Struct, frozen=True):
    """A person's identity at an OpenID provider: both values together, and nothing else, identify the person."""

    issuer: str
    subject: str


class Account(msgspec.Struct, frozen=True):
    """A person's account."""

    name: str
    roles: frozenset[PersonRole]
    password: str | None
    """Its argon2id hash; None for a person who logs in at an OpenID provider."""
    must_change: bool = False
    """Whether the password was set by an administrator, for one login."""
    is_disabled: bool = False
    provider: Identity | None = None
    """The identity at an OpenID provider; None for a person with a password here."""
    last_login_at: dt.datetime | None = None
    """Time of the last login."""

    @property
    def roles_in_order(self) -> list[PersonRole]:
        """Roles in the order for display."""
        return [role for role in PersonRole if role in self.roles]


def checked_name(name: str) -> str:
    """Check the name of an account. Raises: PeopleError: it is invalid."""
    if not _NAME.fullmatch(name):
        raise PeopleError(
            f"{name!r}: expected a name of 1 to 64 lower-case letters, digits or . _ @ -, the first a letter or digit"
        )
    return name


def may_be_same_person(one: str, other: str) -> bool:
    """Whether two names may belong to one person: equal up to the host, as when somebody with a password here later
    logs in at an OpenID provider. Such names never count as two people.
    """
    return one.partition("@")[0] == other.partition("@")[0]


def checked_roles(roles: Iterable[PersonRole]) -> frozenset[PersonRole]:
    """Check the roles of an account. Raises: PeopleError: there are none."""
    found = frozenset(roles)
    if not found:
        raise PeopleError(f"expected at least one role of {', '.join(PersonRole)}")
    return found
