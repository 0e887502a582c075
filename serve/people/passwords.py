"""Passwords: their requirements, and their storage (argon2id, RFC 9106)."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from serve.people.errors import PeopleError

LEAST_CHARACTERS: Final = 12
MOST_CHARACTERS: Final = 256
"""Maximum length: nobody types more, and it bounds the cost of hashing."""
_LEAST_DIFFERENT: Final = 6
_ONE_TIME_BYTES: Final = 15

_HASHER: Final = PasswordHasher()
"""RFC 9106's second recommended option: 64 MiB, 3 passes, 4 lanes."""


def one_time_password() -> str:
    """A password that is shown once, and changed at the first login."""
    return secrets.token_urlsafe(_ONE_TIME_BYTES)


def checked_password(password: str, name: str) -> str:
    """Check a password for an account of that name. Length makes it hard to guess (NIST SP 800-63B). Raises:
    PeopleError: it is not acceptable.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise PeopleError(f"expected a password of {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    if name in password.lower():
        raise PeopleError("expected a password without the account's name in it")
    if len(set(password)) < _LEAST_DIFFERENT:
        raise PeopleError(f"expected a password of at least {_LEAST_DIFFERENT} different characters")
    return password


def hash_password(password: str) -> str:
    """The stored form: cost, salt and hash. Takes about 50 ms and 64 MiB."""
    return _HASHER.hash(password)


@cache
def _of_nobody() -> str:
    return hash_password(one_time_password())


def is_password(password: str, kept: str | None) -> bool:
    """Whether a password matches the stored one; takes the same time if there is none, so that
    timing reveals nothing.
    """
    try:
        return _HASHER.verify(_of_nobody() if kept is None else kept, password[:MOST_CHARACTERS]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether a stored password was hashed at another cost than today's."""
    return _HASHER.check_needs_rehash(kept)
