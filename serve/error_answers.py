"""Errors as HTTP answers: what a client may learn, in the form of its protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fraud.errors import ProjectError, RegistryError
from serve.errors import InvalidInstance, ServeError, UpstreamError
from serve.trace_context import TraceContext

logger = logging.getLogger(__name__)

MAX_NAMED_FAULTS: Final = 100
"""Maximum number of rows that an error names."""

WriteError = Callable[[ServeError, str], bytes]
"""(error, request id) -> JSON body."""


def encode_error(error: ServeError, request_id: str) -> bytes:
    """An error as `{"error": {"code", "message", "instance", "field", "faults"}, "request_id"}`."""
    detail: dict[str, object] = {"code": error.code, "message": error.message}
    if error.instance is not None:
        detail["instance"] = error.instance
    if error.field is not None:
        detail["field"] = error.field
    return orjson.dumps({"error": detail | named_faults(error), "request_id": request_id})


def named_faults(error: ServeError) -> dict[str, list[dict[str, object]]]:
    """The faults of all rows as a member `faults`, up to the limit; empty if the rows could not be separated."""
    if not isinstance(error, InvalidInstance):
        return {}
    faults = error.faults if error.names_all else error.faults[:MAX_NAMED_FAULTS]
    return {"faults": [fault.as_dict() for fault in faults]} if faults else {}


def error_form(path: str, forms: Mapping[str, WriteError]) -> WriteError:
    """The form of errors at an address: the one registered for it or for its first segment, else our own."""
    return forms.get(path) or forms.get(path.removeprefix("/").partition("/")[0], encode_error)


def request_id_of(request: Request) -> str:
    """The request id used in the answer, the log and the database."""
    request_id: str = request.scope["request_id"]
    return request_id


def trace_of(request: Request) -> TraceContext | None:
    """The caller's span, from the request's `traceparent`."""
    trace: TraceContext | None = request.scope["trace"]
    return trace


def log_fields(request_id: str, trace: TraceContext | None) -> dict[str, str]:
    """The fields of a log line about a request, for `extra`."""
    about = {"request_id": request_id}
    return about if trace is None else {**about, "trace_id": trace.trace_id}


def as_serve_error(error: Exception, request_id: str, trace: TraceContext | None = None) -> ServeError:
    """The error as the client may see it; details go to the log under the request id.

    Refused requests are counted (`/metrics`), not logged; refused logins are, by `access.control`.
    """
    about = log_fields(request_id, trace)
    if isinstance(error, ServeError):
        return error
    if isinstance(error, ProjectError):
        logger.error("failed: %s", error, extra=about)
        return UpstreamError(str(error)) if isinstance(error, RegistryError) else ServeError(str(error))
    logger.error("unexpected exception", exc_info=error, extra=about)
    return ServeError("internal error: the server's log has the details under this request id")


def error_response(error: ServeError, request_id: str, write: WriteError = encode_error) -> Response:
    """An error as an HTTP answer."""
    return Response(write(error, request_id), error.status, headers=error.headers, media_type="application/json")
