"""What connections need to answer scoring requests by themselves (`scoring_protocol`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from serve.access.control import AccessControl
from serve.api.security_headers import NO_STORE
from serve.errors import ServeError
from serve.http.connection import answer_bytes
from serve.overload.loop_queue import LOOP_STANDS, LoopQueue
from serve.request_names import MODEL_VERSION_HEADER, REQUEST_ID_HEADER, version_text
from serve.scoring.call import ScoringRoute
from serve.scoring.scoring import Scoring

_JSON: Final = "application/json"
_NO_NAME: Final = "~"
"""Occurs in no name of a request, and nowhere else in a refusal."""

ServerHeaders = list[tuple[bytes, bytes]]
"""That uvicorn puts on every answer; it makes a new list of its own each second."""


class FastLane:
    """What the protocol answers by itself, and with what; one for all connections."""

    def __init__(
        self,
        scoring: Scoring,
        routes: Iterable[ScoringRoute],
        access: AccessControl,
        model_version: Callable[[], int | None],
        queue: LoopQueue,
    ) -> None:
        self.scoring = scoring
        self.access = access
        self.routes = {route.path.encode(): route for route in routes}
        self.queue = queue
        self._model_version = model_version
        self._server_headers: ServerHeaders = []
        self._server_lines = b""
        self._forms: dict[tuple[str, str], bytes] = {}
        """Refusals by their route and the blank for the request's name, which counts in the content's length."""
        self._forms_made_for: tuple[ServerHeaders, int | None] = [], None

    def answer(
        self, status: int, headers: Mapping[str, str], content: bytes, *, keep_alive: bool, server: ServerHeaders
    ) -> bytes:
        """An answer as it is sent."""
        if server is not self._server_headers:
            self._server_headers = server
            self._server_lines = b"".join(b"%b: %b\r\n" % header for header in (*server, NO_STORE))
        return answer_bytes(status, headers, content, keep_alive=keep_alive, lines=self._server_lines)

    def refusal(
        self, error: ServeError, route: ScoringRoute, request_id: str, *, keep_alive: bool, server: ServerHeaders
    ) -> bytes:
        """An error as it is sent."""
        headers = {
            REQUEST_ID_HEADER: request_id,
            MODEL_VERSION_HEADER: version_text(self._model_version()),
            **error.headers,
            "content-type": _JSON,
        }
        content = route.write_error(error, request_id)
        return self.answer(error.status, headers, content, keep_alive=keep_alive, server=server)

    def overload_refusal(self, route: ScoringRoute, request_id: str, server: ServerHeaders) -> bytes:
        """`LOOP_STANDS` as it is sent on a connection that stays open; thousands a second, which differ in names."""
        made_for = server, self._model_version()
        if made_for != self._forms_made_for:
            self._forms, self._forms_made_for = {}, made_for
        blank = _NO_NAME * len(request_id)
        form = self._forms.get((route.path, blank))
        if form is None:
            form = self.refusal(LOOP_STANDS, route, blank, keep_alive=True, server=server)
            self._forms[route.path, blank] = form
        return form.replace(blank.encode(), request_id.encode())
