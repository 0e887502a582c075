"""What each call may answer: every status with its headers, and errors in the form of the protocol."""

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
"""Of what each form writes."""


def header(schema: Schema, text: str, *, always: bool = True) -> Schema:
    """A header of an answer."""
    return {"schema": schema, "description": text, "required": always}


_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
_OF_EVERY_ANSWER: Final[Schema] = {
    REQUEST_ID_HEADER: header({**TEXT, "pattern": f"^{NAME}$"}, "the request's name here and on record"),
    MODEL_VERSION_HEADER: header(TEXT, "the version in charge, or `none`"),
    TRACEPARENT_HEADER: header(TEXT, "W3C Trace Context: the span, where there is a trace", always=False),
}
_RETRY: Final = {"Retry-After": header(_SECONDS, "seconds to wait")}
_RETRY_PERHAPS: Final = {"Retry-After": header(_SECONDS, "seconds to wait", always=False)}
REPLAYED: Final = {REPLAYED_HEADER: header({"const": "true"}, "the answer was given before", always=False)}

_OF_NO_REQUEST: Final = frozenset({"400", "408", "431", "503"})
"""What comes before an address is known, or a connection too many, is refused in our own form."""

EVERYWHERE: Final[Mapping[str, tuple[str, Schema]]] = {
    "400": ("A header that can't be what it is, or a body that is not what its headers say", {}),
    "405": ("Another method than the call takes", {"Allow": header(TEXT, "the methods that it takes")}),
    "408": ("The request did not arrive in time", {}),
    "431": ("The header of the request is too long", {}),
    "500": ("A fault of the server; its log has the details under the request's id", {}),
    "503": ("No model yet, too much in flight, or the prediction log is full", _RETRY),
}
WITH_LOGIN: Final[Mapping[str, tuple[str, Schema]]] = {
    "401": (
        "No login, or a wrong one; the error says what to send",
        {"WWW-Authenticate": header(TEXT, "the ways to log in")},
    ),
    "403": (
        "The login lacks the role, or a page of another site sent the request",
        {"WWW-Authenticate": header(TEXT, "the role that is missing", always=False)},
    ),
    "429": ("The client has asked for as much as it may, or too many logins from its address were wrong", _RETRY),
}
SCORING: Final[Mapping[str, tuple[str, Schema]]] = {
    "409": (
        "The first request with this Idempotency-Key is not answered yet, or no review policy is in force",
        _RETRY_PERHAPS,
    ),
    "413": ("Too many rows or bytes, also after inflating", {}),
    "415": (
        "A content type or encoding that the call does not read",
        {"Accept-Encoding": header(TEXT, "the encodings that it reads", always=False)},
    ),
    "422": (
        "The body breaks the schema, where the error names what does; or its Idempotency-Key was used before; or "
        "reasons are asked for, and the version in charge was registered without what gives them "
        "(`reasons_unavailable`)",
        {},
    ),
}
MODEL_ADDRESS: Final[Mapping[str, tuple[str, Schema]]] = {
    "404": ("Another model, or a version that is not in charge", {})
}
SHORT_BODY: Final[Mapping[str, tuple[str, Schema]]] = {
    "413": ("The body is too long", {}),
    "422": ("The body breaks the schema", {}),
}
LABELS: Final[Mapping[str, tuple[str, Schema]]] = {
    "413": ("Too many labels or bytes", {}),
    "415": (
        "Another content type or encoding than plain JSON",
        {"Accept-Encoding": header(TEXT, "the encodings that scoring reads", always=False)},
    ),
    "422": (
        "Labels are at fault, each fault is named and nothing is recorded; or the Idempotency-Key was used for others",
        {},
    ),
}
UPDATE: Final[Mapping[str, tuple[str, Schema]]] = {
    "409": ("The registry has no production model", {}),
    "502": ("The registry does not answer, or a worker can't serve the new version", _RETRY_PERHAPS),
}
PREPARE: Final[Mapping[str, tuple[str, Schema]]] = {
    "404": ("What stands for the version is no number", {}),
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
    """Add errors to a call, in the form of its protocol; those that it has stay."""
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
