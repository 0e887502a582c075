"""The cookie that says who is logged in. Over HTTPS its name lets no other host of the domain set it (`__Host-`)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

ENCRYPTED: Final = "__Host-session"
PLAIN: Final = "session"


def secret_in(request: Request) -> str | None:
    """What the browser has."""
    return request.cookies.get(_name(request))


def keep(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep it until it is closed; when the session ends, the database says."""
    response.set_cookie(_name(request), secret, path="/", secure=is_encrypted(request), httponly=True, samesite="lax")


def forget(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_name(request), path="/", secure=is_encrypted(request), httponly=True, samesite="lax")


def is_encrypted(request: Request) -> bool:
    """Whether the visitor came by HTTPS, as the server in front says, through which alone we are reached."""
    return request.headers.get("x-forwarded-proto") == "https"


def _name(request: Request) -> str:
    return ENCRYPTED if is_encrypted(request) else PLAIN
