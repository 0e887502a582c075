"""Reading a request's body, never more of it than the limit allows."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.requests import Request

from serve.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType


def content_type_of(request: Request, expected: Collection[str]) -> str:
    """The content type that the request names, in lower case and without parameters; "" when it names none.

    Raises:
        UnsupportedMediaType: none of those `expected`.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in expected:
        names = ", ".join(name for name in expected if name)
        raise UnsupportedMediaType(f"content type {content_type!r}: expected {names}")
    return content_type


async def read_body(request: Request, max_bytes: int, count: Callable[[int], None]) -> bytes:
    """The body as it was sent; `count` is told the size of each piece that comes, bytes, and may refuse it.

    Raises:
        BodyTooLarge: longer than `max_bytes`; reading stops there.
        MalformedBody: no body.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise too_large(max_bytes)
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        count(len(chunk))
        chunks.append(chunk)
    if size == 0:
        raise MalformedBody("the body is empty")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(max_bytes: int) -> BodyTooLarge:
    """The fault of a body that is longer than `max_bytes`, as sent or inflated."""
    return BodyTooLarge(f"the body is longer than {max_bytes} bytes: send fewer rows in each request")
