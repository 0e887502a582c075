"""Browsers in which the administrator has logged in before: other people's guesses don't lock them out.

Many clients share an address behind one proxy or router. A browser that has sent the right password gets a cookie, and
its failures are counted by the cookie from then on. The cookie is not a login: each request still needs the password,
and a stolen cookie allows no more guesses than an address. OWASP calls this a device cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

COOKIE: Final = "scoring_browser"
KNOWN_FOR_S: Final = 30 * 24 * 3600

_NONCE_BYTES: Final = 16
# Cost of one offline guess at the password with a stolen cookie: 16 MB and about 50 ms. We pay it once at start.
_SCRYPT_COST: Final = 2**14
_SCRYPT_BLOCK: Final = 8
_PURPOSE: Final = b"cookies of known browsers "


class KnownBrowsers:
    """Makes and recognizes the cookies, in all processes: the key is derived from the administrator's login."""

    def __init__(self, user: str, password: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.scrypt(
            password.encode(), salt=_PURPOSE + user.encode(), n=_SCRYPT_COST, r=_SCRYPT_BLOCK, p=1, dklen=32
        )
        self._clock = clock

    def new_cookie(self) -> str:
        """The value for a browser that has just sent the right password."""
        named = f"{round(self._clock()) + KNOWN_FOR_S}.{secrets.token_hex(_NONCE_BYTES)}"
        return f"{named}.{self._mac(named)}"

    def name_of(self, cookie_headers: Iterable[str]) -> str | None:
        """The browser's id from its `Cookie` headers; None without a valid cookie."""
        return next((name for value in _values(cookie_headers) if (name := self._name(value)) is not None), None)

    def introducing(self, send: Send, *, encrypted: bool) -> Send:
        """Add the cookie to an answer, unless caches may store that answer."""

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                if "public" not in headers.get("cache-control", ""):
                    safely = "; Secure" if encrypted else ""
                    headers.append(
                        "Set-Cookie",
                        f"{COOKIE}={self.new_cookie()}; Path=/; Max-Age={KNOWN_FOR_S}; HttpOnly; SameSite=Lax{safely}",
                    )
                message = {**message, "headers": headers.raw}
            await send(message)

        return send_with_cookie

    def _name(self, value: str) -> str | None:
        named, _, mac = value.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(named).encode()):
            return None
        expires, _, nonce = named.partition(".")
        return f"browser {nonce}" if int(expires) > self._clock() else None

    def _mac(self, named: str) -> str:
        return hmac.new(self._key, named.encode(), hashlib.sha256).hexdigest()


def _values(cookie_headers: Iterable[str]) -> Iterable[str]:
    for header in cookie_headers:
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE:
                yield value
