"""API keys: the key that a client sends, and its entry in `API_KEYS`, by which a server knows it without a database.

A server stores only the SHA-256 of a key. A slow hash, as for passwords, would protect nothing: a key is 256 random
bits, so there is no list of likely keys to try, and nobody can try 2^256.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEY_BYTES: Final = 32
KEY_PREFIX: Final = "mls_"
"""A prefix by which secret scanners recognise a key."""

API_KEYS: Final = "API_KEYS"
SCORING_API_KEY: Final = "SCORING_API_KEY"


class Role(StrEnum):
    """What a caller may do."""

    SCORE = "score"
    """Score applications."""
    READ = "read"
    """See metrics, reports and the registry."""
    OPERATE = "operate"
    """Change the served version, and aliases in the registry."""
    LABEL = "label"
    """Record outcomes of applications."""


_CLIENT: Final = r"[A-Za-z0-9._-]{1,64}"
_ENTRY: Final = re.compile(rf"(?P<client>{_CLIENT}):(?P<roles>[a-z+]+):(?P<sha256>[0-9a-f]{{64}})")
_SEPARATORS: Final = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as a server knows it."""

    client: str
    """Its client: the `caller` of predictions on record. A client may have several keys."""
    roles: frozenset[Role]
    sha256: bytes

    @classmethod
    def of(cls, key: str, client: str, roles: Iterable[Role]) -> ApiKey:
        """The entry of a plain key."""
        return cls(client, frozenset(roles), sha256_of(key))

    def __str__(self) -> str:
        """As `API_KEYS` has it."""
        roles = "+".join(role for role in Role if role in self.roles)
        return f"{self.client}:{roles}:{self.sha256.hex()}"


def new_key() -> str:
    """A key that nobody can guess."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def sha256_of(key: str) -> bytes:
    """The hash of a key."""
    return hashlib.sha256(key.encode()).digest()


def is_client_name(name: str) -> bool:
    """Whether this is a valid name of a client."""
    return re.fullmatch(_CLIENT, name) is not None


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """The entries of `API_KEYS`, which commas or white space part.

    Raises:
        ValueError: an entry is none. It is not repeated: it may be a plain key by mistake.
    """
    return tuple(_parse_entry(number, entry) for number, entry in enumerate(_entries_of(text), start=1))


def _entries_of(text: str) -> list[str]:
    return [entry for entry in _SEPARATORS.split(text) if entry]


def _parse_entry(number: int, entry: str) -> ApiKey:
    match = _ENTRY.fullmatch(entry)
    roles = set(match["roles"].split("+")) if match else set()
    if match is None or not roles <= set(Role):
        raise ValueError(
            f"entry {number}: expected CLIENT:ROLES:SHA256, roles of {'+'.join(Role)}; "
            "`python -m serve.keys add CLIENT` makes a key that needs no entry"
        )
    return ApiKey(match["client"], frozenset(map(Role, roles)), bytes.fromhex(match["sha256"]))


def key_settings(client: str, *roles: Role) -> dict[str, str]:
    """Settings of a new key: for the server, and for our own clients."""
    key = new_key()
    return {SCORING_API_KEY: key, API_KEYS: str(ApiKey.of(key, client, roles))}


def bearer(key: str | None) -> Mapping[str, str]:
    """The header with a key; none without a key, for a server that requires none."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}
