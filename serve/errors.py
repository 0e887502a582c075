"""Errors of the HTTP API: one class per fault, grouped by who is at fault, each with its status and a stable code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from fraud.errors import ProjectError


class RowFault(msgspec.Struct, frozen=True, gc=False):
    """The fault of one row of a request: its position, 0-based, and the field, if one is at fault."""

    instance: int
    field: str | None
    message: str

    def as_dict(self) -> dict[str, object]:
        """The fault as written in answers."""
        field = {} if self.field is None else {"field": self.field}
        return {"instance": self.instance, **field, "message": self.message}


class ServeError(ProjectError):
    """Root: an answer other than 200. `instance` (0-based) and `field` name the value at fault, if there is one."""

    status: int = 500
    code: str = "internal_error"
    headers: Mapping[str, str] = MappingProxyType({})
    delay_s: float = 0.0
    """Delay before the answer is sent, seconds: see `access.failed_logins`."""

    def __init__(self, message: str, instance: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.instance = instance
        self.field = field


class RouteError(ServeError):
    """The framework refuses the request: unknown path, or a method that the path does not support."""

    def __init__(self, message: str, status: int, code: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class MalformedBody(ServeError):
    """The body is not what its content type says."""

    status = 400
    code = "malformed_body"


class MalformedRequest(ServeError):
    """The bytes are not an HTTP/1.1 request."""

    status = 400
    code = "malformed_request"


class MethodNotAllowed(ServeError):
    """The address does not support this method; `Allow` names those it does."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class UnsupportedTransferEncoding(ServeError):
    """A transfer coding other than `chunked`."""

    status = 501
    code = "unsupported_transfer_encoding"


class HttpVersionNotSupported(ServeError):
    """The HTTP version is neither 1.0 nor 1.1."""

    status = 505
    code = "http_version_not_supported"


class MalformedHeader(ServeError):
    """A header, or its query parameter such as `errors` or `reasons`, has an invalid value."""

    status = 400
    code = "malformed_header"


class NoReviewPolicy(ServeError):
    """A decision is requested, but no signed review policy is in force."""

    status = 409
    code = "no_review_policy"


class Unauthorized(ServeError):
    """No login, or a wrong one: the message names the header to send."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: str, challenge: str, delay_s: float = 0.0) -> None:
        super().__init__(message)
        self.headers = {"WWW-Authenticate": challenge}
        self.delay_s = delay_s


class Forbidden(ServeError):
    """The login lacks the role that the message names, or a page of another site sent the request."""

    status = 403
    code = "forbidden"

    def __init__(self, message: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.headers = headers


class RateLimited(ServeError):
    """Your requests or rows exceed the rate limit: send again after the seconds in `Retry-After`."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_s)}


class TooManyFailedLogins(ServeError):
    """Too many wrong passwords from your address, or from all: send again after `Retry-After`, or use a key."""

    status = 429
    code = "too_many_failed_logins"

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class UnknownModel(ServeError):
    """The address names a model, a version or a call of a protocol that does not exist here."""

    status = 404
    code = "unknown_model"


class NoProductionModel(ServeError):
    """`/update-model` was called, but the registry has no production version."""

    status = 409
    code = "no_production_model"


class TooSlow(ServeError):
    """The request did not arrive within `READ_TIMEOUT_S` and a second for each 16 kB of it."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(ServeError):
    """Too many rows, or too many bytes before or after decompression: send fewer in each request."""

    status = 413
    code = "too_large"


class UnsupportedMediaType(ServeError):
    """This call does not support the content type."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedEncoding(ServeError):
    """The server does not support this content encoding; `Accept-Encoding` names those it does (RFC 9110, 15.5.16)."""

    status = 415
    code = "unsupported_encoding"
    headers = MappingProxyType({"Accept-Encoding": "gzip, deflate, zstd"})


class IdempotencyKeyInUse(ServeError):
    """The first request with this key is not answered yet."""

    status = 409
    code = "idempotency_key_in_use"
    headers = MappingProxyType({"Retry-After": "1"})


class IdempotencyKeyReused(ServeError):
    """The key was sent with another request before."""

    status = 422
    code = "idempotency_key_reused"


class HeaderTooLarge(ServeError):
    """The header is longer than 64 kB."""

    status = 431
    code = "header_too_large"


class ReasonsUnavailable(ServeError):
    """Reasons are requested, but the production version was registered without the tables that explain it."""

    status = 422
    code = "reasons_unavailable"


class InvalidInstance(ServeError):
    """A feature is missing, unknown, not a number, negative or infinite; or the batch is empty; `faults` names the
    rows.

    `faults` has one fault for each bad row, if the rows could be separated; the error itself describes the first.
    """

    status = 422
    code = "invalid_instance"
    names_all = False
    """Whether the answer names all faults, without a limit."""

    def __init__(
        self,
        message: str,
        instance: int | None = None,
        field: str | None = None,
        faults: Sequence[RowFault] = (),
    ) -> None:
        super().__init__(message, instance, field)
        self.faults = faults


class InvalidInvocation(InvalidInstance):
    """`InvalidInstance` at `/invocations`, with the status of MLflow's own server."""

    status = 400


class DuplicateName(InvalidInstance):
    """A JSON object has a name twice, also at `/invocations`: two parsers could read different applications."""


class UpstreamError(ServeError):
    """MLflow does not answer, or its answer cannot be read."""

    status = 502
    code = "upstream_error"


class UpdateFailed(ServeError):
    """A worker cannot serve the new version, so all workers keep the old one."""

    status = 502
    code = "update_failed"


class NotReady(ServeError):
    """No model is loaded yet, or the server is shutting down: send again after `Retry-After`."""

    status = 503
    code = "not_ready"
    headers = MappingProxyType({"Retry-After": "1"})


class ModelUnusable(ServeError):
    """This version of the server cannot serve the model that should be in production: register another one."""

    status = 503
    code = "model_unusable"
    headers = MappingProxyType({"Retry-After": "60"})


class TooManyConnections(ServeError):
    """The server process has `MAX_CONNECTIONS` connections: send again after `Retry-After`."""

    status = 503
    code = "too_many_connections"
    headers = MappingProxyType({"Retry-After": "1"})


class Overloaded(ServeError):
    """The server is overloaded: send again after the seconds in `Retry-After`."""

    status = 503
    code = "overloaded"
    headers = MappingProxyType({"Retry-After": "1"})


class IdempotencyUnavailable(ServeError):
    """The answer could not be kept under its key, so the request was not scored: send again after `Retry-After`."""

    status = 503
    code = "idempotency_unavailable"
    headers = MappingProxyType({"Retry-After": "5"})


class LabelsUnavailable(ServeError):
    """Labels could not be recorded, and none of them was: send again after `Retry-After`."""

    status = 503
    code = "labels_unavailable"
    headers = MappingProxyType({"Retry-After": "5"})


class PredictionLogFull(ServeError):
    """Too many predictions wait for the database, or the disk is full, so an answer could not be recorded."""

    status = 503
    code = "prediction_log_full"
    headers = MappingProxyType({"Retry-After": "5"})
