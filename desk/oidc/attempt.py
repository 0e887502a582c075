"""An attempt to log in: all that ties the provider's answer to the browser that began it follows from one secret.

The browser has the secret in a cookie, and nobody else has it. From it come `state` (the answer belongs to this
browser), `nonce` (so does the ID token) and the verifier of PKCE (so does the code); none of them tells the others. So
nothing is kept here for visitors who may never come back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final, Self

import msgspec

_SECRET_BYTES: Final = 32
_MOST_CHARACTERS: Final = 512
"""Of the address to go to afterwards."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt."""

    secret: str
    after: str
    """Where its person wants to go."""

    @classmethod
    def begin(cls, after: str) -> Self:
        """A new one; an address that no page of ours has is left out."""
        return cls(secrets.token_urlsafe(_SECRET_BYTES), after if len(after) <= _MOST_CHARACTERS else "/")

    @classmethod
    def from_cookie(cls, value: str) -> Self | None:
        """As a browser sent it; None if it is none of ours."""
        secret, dot, after = value.partition(".")
        try:
            return cls(secret, base64.b64decode(after, b"-_", validate=True).decode()) if secret and dot else None
        except ValueError:
            return None

    def cookie(self) -> str:
        """For the browser."""
        return f"{self.secret}.{base64.urlsafe_b64encode(self.after.encode()).decode()}"

    @property
    def state(self) -> str:
        """What comes back with the provider's answer."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What comes back in the ID token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What shows that the code was asked for by us (RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider knows of the verifier beforehand: its SHA-256."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def is_state(self, sent: str) -> bool:
        """Whether an answer belongs to this attempt."""
        return hmac.compare_digest(self.state.encode(), sent.encode())

    def _derived(self, purpose: str) -> str:
        return _base64(hmac.digest(self.secret.encode(), purpose.encode(), "sha256"))


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
