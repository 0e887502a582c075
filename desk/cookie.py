"""Cookies of ours. Over HTTPS their names let no other host of the domain set them (`__Host-`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that no script reads, and that comes with links from elsewhere, but with no form of theirs."""

    name: str
    lifetime_s: int | None = None
    """None: until the browser is closed."""

    def value_in(self, request: Request) -> str | None:
        """What the browser has."""
        return request.cookies.get(self._name(request))

    def keep(self, request: Request, response: Response, value: str) -> None:
        """Have the browser keep it."""
        response.set_cookie(
            self._name(request),
            value,
            max_age=self.lifetime_s,
            path="/",
            secure=is_encrypted(request),
            httponly=True,
            samesite="lax",
        )

    def forget(self, request: Request, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self._name(request), path="/", secure=is_encrypted(request), httponly=True, samesite="lax"
        )

    def _name(self, request: Request) -> str:
        return f"__Host-{self.name}" if is_encrypted(request) else self.name


SESSION: Final = Cookie("session")
"""Who is logged in. When the session ends, the database says."""


def is_encrypted(request: Request) -> bool:
    """Whether the visitor came by HTTPS, as the server in front says, through which alone we are reached."""
    return request.headers.get("x-forwarded-proto") == "https"
