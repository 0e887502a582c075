"""A key in the database: as listed for people, and as used by servers."""

from __future__ import annotations

import datetime as dt

import msgspec

from fraud.api_keys import ApiKey, Role


class ListedKey(msgspec.Struct, frozen=True):
    """A key as shown to people: everything except its digest."""

    number: int
    """Its number; never reused."""
    client: str
    roles: frozenset[Role]
    made_at: dt.datetime
    made_by: str
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    revoked_by: str | None
    replaced_by: int | None
    """The key that replaces it; this one expires at `expires_at`."""
    last_used_at: dt.datetime | None
    """Accurate to about a minute; None: never."""

    @property
    def roles_in_order(self) -> list[Role]:
        """Roles in the order for display."""
        return [role for role in Role if role in self.roles]

    def is_valid(self, now: dt.datetime) -> bool:
        """Whether it is valid now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class ValidKey(msgspec.Struct, frozen=True):
    """A valid key, as used by servers."""

    number: int
    client: str
    roles: frozenset[Role]
    sha256: bytes
    expires_at: dt.datetime | None

    @property
    def api_key(self) -> ApiKey:
        """The key in the form that logins are compared with."""
        return ApiKey(self.client, self.roles, self.sha256)

    def has_ended(self, now: dt.datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now


def state_of(key: ListedKey, now: dt.datetime) -> str:
    """The state of a key, in words."""
    if key.revoked_at is not None:
        return f"revoked by {key.revoked_by} at {_moment(key.revoked_at)}"
    replaced = "" if key.replaced_by is None else f"replaced by key {key.replaced_by}, "
    if key.expires_at is None:
        return "valid"
    verb = "ends" if key.is_valid(now) else "ended"
    return f"{replaced}{verb} at {_moment(key.expires_at)}"


def _moment(value: dt.datetime) -> str:
    return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
