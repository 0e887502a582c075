"""The answers of each call: every status with its headers, and errors in the form of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serve.api import mlflow_scoring
from serve.api.error_forms import ERROR_FORMS
from serve.api.inference_v2 import routes as inference_v2
from serve.api.openapi.schemas import TEXT, Schema
from serve.decoding.by_content_type import JSON
from serve.error_answers import WriteError, encode_error, error_form
from serve.idempotency.key import REPLAYED_HEADER
from serve.request_names import MODEL_VERSION_HEADER, NAME, REQUEST_ID_HEADER
from serve.trace_context import TRACEPARENT_HEADER

_SCHEMAS: Final[Mapping[WriteError, str]] = {
    encode_error: "Error",
    inference_v2.write_error: "InferenceError",
    mlflow_scoring.write_error: "MlflowError",
}
"""Media type of each form of errors."""


def header(schema: Schema, text: str, *, always: bool = True) -> Schema:
    """A header of an answer."""
    return {"schema": schema, "description": text, "required": always}


_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
_OF_EVERY_ANSWER: Final[Schema] = {
    REQUEST_ID_HEADER: header({**TEXT, "pattern": f"^{NAME}$"}, "the request id, as in the log and the database"),
    MODEL_VERSION_HEADER: header(TEXT, "the active version, or `none`"),
    TRACEPARENT_HEADER: header(TEXT, "W3C Trace Context: the server's span, if there is a trace", always=False),
}
_RETRY: Final = {"Retry-After": header(_SECONDS, "seconds to wait")}
_RETRY_PERHAPS: Final = {"Retry-After": header(_SECONDS, "seconds to wait", always=False)}
REPLAYED: Final = {
    REPLAYED_HEADER: header({"const": "true"}, "this answer was saved from the first request", always=False)
}

_OF_NO_REQUEST: Final = frozenset({"400", "408", "431", "503"})
"""Errors in our own form, since they come before the address is known, or are due to too many connections."""

EVERYWHERE: Final[Mapping[str, tuple[str, Schema]]] = {
    "400": ("A malformed header, or a body that does not match its headers", {}),
    "405": ("The call does not support this method", {"Allow": header(TEXT, "the supported methods")}),
    "408": ("The request did not arrive in time", {}),
    "431": ("The header of the request is too long", {}),
    "500": ("An internal error; the server's log has the details under the request id", {}),
    "503": ("No model yet, overload, or the prediction log is full", _RETRY),
}
WITH_LOGIN: Final[Mapping[str, tuple[str, Schema]]] = {
    "401": (
        "No login, or a wrong one; the error says what to send",
        {"WWW-Authenticate": header(TEXT, "the ways to log in")},
    ),
    "403": (
        "The login lacks the role, or a page of another site sent the request",
        {"WWW-Authenticate": header(TEXT, "the missing role", always=False)},
    ),
    "429": ("The client exceeds its rate limit, or too many logins from its address failed", _RETRY),
}
SCORING: Final[Mapping[str, tuple[str, Schema]]] = {
    "409": (
        "The first request with this Idempotency-Key is not answered yet, or no review policy is in force",
        _RETRY_PERHAPS,
    ),
    "413": ("Too many rows, or too many bytes before or after decompression", {}),
    "415": (
        "A content type or encoding that the call does not support",
        {"Accept-Encoding": header(TEXT, "the supported encodings", always=False)},
    ),
    "422": (
        "The body breaks the schema, and the error names the fault; or its Idempotency-Key was used for another "
        "request; or reasons are requested, but the active version was registered without them (`reasons_unavailable`)",
        {},
    ),
}
MODEL_ADDRESS: Final[Mapping[str, tuple[str, Schema]]] = {"404": ("Unknown model, or a version that is not active", {})}
SHORT_BODY: Final[Mapping[str, tuple[str, Schema]]] = {
    "413": ("The body is too long", {}),
    "422": ("The body breaks the schema", {}),
}
LABELS: Final[Mapping[str, tuple[str, Schema]]] = {
    "413": ("Too many labels or bytes", {}),
    "415": (
        "Another content type or encoding than plain JSON",
        {"Accept-Encoding": header(TEXT, "the encodings that scoring supports", always=False)},
    ),
    "422": (
        "Labels are invalid: the error names each fault, and nothing is recorded; or the Idempotency-Key was used for "
        "other labels",
        {},
    ),
}
UPDATE: Final[Mapping[str, tuple[str, Schema]]] = {
    "409": ("The registry has no production model", {}),
    "502": ("The registry does not answer, or a worker can't serve the new version", _RETRY_PERHAPS),
}
PREPARE: Final[Mapping[str, tuple[str, Schema]]] = {
    "404": ("The version is not a number", {}),
    "502": ("The registry does not answer or has no such version, or a worker can't serve it", _RETRY_PERHAPS),
}


def _named(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}


def success(text: str, content: Mapping[str, Schema], headers: Schema | None = None) -> Schema:
    """The answer 200."""
    answer: Schema = {"description": text, "headers": headers or {}}
    if content:
        answer["content"] = {content_type: {"schema": schema} for content_type, schema in content.items()}
    return answer


def add_faults(operation: Schema, path: str, faults: Mapping[str, tuple[str, Schema]]) -> None:
    """Add errors to a call, in the form of its protocol; existing ones stay."""
    own, form = (_named(_SCHEMAS[write]) for write in (encode_error, error_form(path, ERROR_FORMS)))
    for status, (text, headers) in faults.items():
        may_be_no_request = form != own and status in _OF_NO_REQUEST
        fault: dict[str, Any] = {
            "description": text,
            "headers": headers,
            "content": {JSON: {"schema": {"anyOf": [form, own]} if may_be_no_request else form}},
        }
        operation["responses"].setdefault(status, fault)


def add_common_headers(operation: Schema) -> None:
    """Add the headers of every answer."""
    for answer in operation["responses"].values():
        answer["headers"] = {**_OF_EVERY_ANSWER, **answer.get("headers", {})}
