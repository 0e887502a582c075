"""A key in the database: as people see it listed, and as servers know it."""

from __future__ import annotations

import datetime as dt

import msgspec

from fraud.api_keys import ApiKey, Role


class ListedKey(msgspec.Struct, frozen=True):
    """What people are shown of a key: all but its digest."""

    number: int
    """By which it is named; never given to another one."""
    client: str
    roles: frozenset[Role]
    made_at: dt.datetime
    made_by: str
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    revoked_by: str | None
    replaced_by: int | None
    """The key that its client was given instead; this one ends at `expires_at`."""
    last_used_at: dt.datetime | None
    """To the minute or so; None: never."""

    @property
    def roles_in_order(self) -> list[Role]:
        """As people list them."""
        return [role for role in Role if role in self.roles]

    def is_valid(self, now: dt.datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class ValidKey(msgspec.Struct, frozen=True):
    """What a server knows of a key that counts."""

    number: int
    client: str
    roles: frozenset[Role]
    sha256: bytes
    expires_at: dt.datetime | None

    @property
    def api_key(self) -> ApiKey:
        """As logins are compared with it."""
        return ApiKey(self.client, self.roles, self.sha256)

    def has_ended(self, now: dt.datetime) -> bool:
        """Whether it counts no more."""
        return self.expires_at is not None and self.expires_at <= now


def state_of(key: ListedKey, now: dt.datetime) -> str:
    """What became of a key, in words."""
    if key.revoked_at is not None:
        return f"revoked by {key.revoked_by} at {_moment(key.revoked_at)}"
    replaced = "" if key.replaced_by is None else f"replaced by key {key.replaced_by}, "
    if key.expires_at is None:
        return "valid"
    verb = "ends" if key.is_valid(now) else "ended"
    return f"{replaced}{verb} at {_moment(key.expires_at)}"


def _moment(value: dt.datetime) -> str:
    return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
