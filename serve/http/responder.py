"""Writes the bytes of every answer: status, headers, body and request id are assembled only here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from serve.answer import Answer
from serve.error_answers import WriteError
from serve.errors import ServeError
from serve.request_names import MODEL_VERSION_HEADER, REQUEST_ID_HEADER, version_text
from serve.trace_context import TRACEPARENT, TRACEPARENT_HEADER, TraceContext

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE: Final = "connection: close\r\n"
JSON: Final = "application/json"

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_MODEL_VERSION: Final = MODEL_VERSION_HEADER.lower().encode()
_BREAKS_A_LINE: Final = re.compile(rb"[\r\n\x00]")

RawHeaders = Iterable[tuple[bytes, bytes]]
PoliciesFor = Callable[[str], Mapping[bytes, bytes]]
"""Security policy headers of an address; an answer may set its own."""


class Responder:
    """Writes answers. Shared by all connections of a process."""

    def __init__(
        self, everywhere: Mapping[str, str], policies_for: PoliciesFor, model_version: Callable[[], int | None]
    ) -> None:
        """`everywhere`: headers of every answer."""
        self._everywhere = "".join([f"{name}: {value}\r\n" for name, value in everywhere.items()])
        self._policies_for = policies_for
        self._model_version = model_version
        self._second = 0
        self._common = b""
        self._start_of_scores = b""
        """Headers of every answer, and the start of scoring answers, with the date of the current second."""

    def score(self, answer: Answer, request_id: str, *, keep_alive: bool, trace: TraceContext | None = None) -> bytes:
        """The answer 200 to a scoring request; a replayed answer names the first request."""
        self._keep_time()
        content = answer.content
        others = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()]) if answer.headers else ""
        traced = "" if trace is None else f"{TRACEPARENT_HEADER}: {trace.header}\r\n"
        named = (
            f"{REQUEST_ID_HEADER}: {answer.request_id or request_id}\r\n"
            f"{MODEL_VERSION_HEADER}: {answer.model_version}\r\n{traced}{others}"
            f"Content-Type: {answer.media_type}\r\n{'' if keep_alive else CLOSE}content-length: {len(content)}\r\n\r\n"
        )
        return b"".join((self._start_of_scores, named.encode("latin-1"), content))

    def error(
        self,
        error: ServeError,
        write: WriteError,
        request_id: str,
        path: str,
        *,
        trace: TraceContext | None,
        keep_alive: bool,
        without_body: bool,
    ) -> bytes:
        """An error in the form of the path's protocol."""
        named = {
            REQUEST_ID_HEADER: request_id,
            MODEL_VERSION_HEADER: version_text(self._model_version()),
            **error.headers,
            "Content-Type": JSON,
        }
        if trace is not None:
            named[TRACEPARENT_HEADER] = trace.header
        self._keep_time()
        lines = b"".join([b"%b: %b\r\n" % policy for policy in self._policies_for(path).items()])
        content = write(error, request_id)
        ours = "".join([f"{name}: {value}\r\n" for name, value in named.items()])
        end = f"{ours}{'' if keep_alive else CLOSE}content-length: {len(content)}\r\n\r\n".encode("latin-1")
        return b"".join((_STATUS_LINES[error.status], self._common, lines, end, b"" if without_body else content))

    def head(
        self,
        status: int,
        headers: RawHeaders,
        request_id: str,
        path: str,
        *,
        keep_alive: bool,
        trace: TraceContext | None = None,
    ) -> bytes:
        """The header of an answer of the framework, which keeps its own header fields.

        Raises:
            ValueError: a field contains a line end.
        """
        self._keep_time()
        lines = {
            _REQUEST_ID: request_id.encode(),
            _MODEL_VERSION: version_text(self._model_version()).encode(),
            **self._policies_for(path),
        }
        if trace is not None:
            lines[TRACEPARENT] = trace.header.encode()
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self._common]
        for name, value in headers:
            if _BREAKS_A_LINE.search(name) or _BREAKS_A_LINE.search(value):
                raise ValueError("a header field of an answer contains a line end")
            lines.pop(name.lower(), None)
            parts.append(b"%b: %b\r\n" % (name, value))
        parts += [b"%b: %b\r\n" % line for line in lines.items()]
        parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)

    def _keep_time(self) -> None:
        """Rebuild the headers that contain the date, once a second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._common = f"Date: {formatdate(second, usegmt=True)}\r\n{self._everywhere}".encode()
            policies = self._policies_for("")
            self._start_of_scores = (
                _STATUS_LINES[200] + self._common + b"".join([b"%b: %b\r\n" % policy for policy in policies.items()])
            )
