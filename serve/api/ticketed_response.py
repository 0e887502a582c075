"""An answer whose request counts as in flight until the client has taken it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve.overload.in_flight import Ticket

WRITE_WAITS_ABOVE_BYTES: Final = 64 * 1024
"""uvicorn's high-water mark: what is written beyond it is waited for by the next write."""


class TicketedResponse(Response):
    """An answer whose request stays in flight until the client has taken it."""

    def __init__(self, ticket: Ticket, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._ticket = ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then release the ticket."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if len(self.body) > WRITE_WAITS_ABOVE_BYTES:
                await send({"type": "http.response.body", "body": self.body, "more_body": True})
                # The next write waits until the client has taken all but the last of this one.
                await send({"type": "http.response.body", "body": b""})
            else:
                await send({"type": "http.response.body", "body": self.body})
        finally:
            self._ticket.release()
