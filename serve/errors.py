"""Errors of the HTTP API: a class per fault, by who is at fault, each with its status and a stable code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from fraud.errors import ProjectError


class RowFault(msgspec.Struct, frozen=True, gc=False):
    """What is wrong with one row of a request: its position, 0-based, and the field where one is at fault."""

    instance: int
    field: str | None
    message: str

    def as_dict(self) -> dict[str, object]:
        """As answers have it."""
        field = {} if self.field is None else {"field": self.field}
        return {"instance": self.instance, **field, "message": self.message}


class ServeError(ProjectError):
    """Root: an answer other than 200. `instance` (0-based) and `field` name the value at fault, where one is."""

    status: int = 500
    code: str = "internal_error"
    headers: Mapping[str, str] = MappingProxyType({})
    delay_s: float = 0.0
    """How long the answer waits: see `access.failed_logins`."""

    def __init__(self, message: str, instance: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.instance = instance
        self.field = field


class RouteError(ServeError):
    """The framework refuses the request: no such path, a method that the path does not know."""

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
    """What came is no request of HTTP/1.1."""

    status = 400
    code = "malformed_request"


class MethodNotAllowed(ServeError):
    """The address knows other methods, which `Allow` names."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class UnsupportedTransferEncoding(ServeError):
    """The body comes in a way that the server does not read."""

    status = 501
    code = "unsupported_transfer_encoding"


class HttpVersionNotSupported(ServeError):
    """Another version of HTTP than 1.0 and 1.1."""

    status = 505
    code = "http_version_not_supported"


class MalformedHeader(ServeError):
    """A header of ours, or what may be said by the query in its place, has a value that it can't have."""

    status = 400
    code = "malformed_header"


class NoReviewPolicy(ServeError):
    """A decision is asked for, and there is no policy that it could follow."""

    status = 409
    code = "no_review_policy"


class Unauthorized(ServeError):
    """No login, or a wrong one."""

    status = 401
    code = "unauthorized"

    def __init__(self, message: str, challenge: str, delay_s: float = 0.0) -> None:
        super().__init__(message)
        self.headers = {"WWW-Authenticate": challenge}
        self.delay_s = delay_s


class Forbidden(ServeError):
    """The login lacks a role, the request came from another site, or it asks for what is not offered."""

    status = 403
    code = "forbidden"

    def __init__(self, message: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(message)
        self.headers = headers


class RateLimited(ServeError):
    """The client has asked for as much as it may."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_s)}


class TooManyFailedLogins(ServeError):
    """So many passwords from this address were wrong that this one was not looked at."""

    status = 429
    code = "too_many_failed_logins"

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class UnknownModel(ServeError):
    """The address names a model, a version or a call of a protocol that is not here."""

    status = 404
    code = "unknown_model"


class NoProductionModel(ServeError):
    """The registry positively has no production model."""

    status = 409
    code = "no_production_model"


class TooSlow(ServeError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(ServeError):
    """The body, or the number of rows in it, is over the limit."""

    status = 413
    code = "too_large"


class UnsupportedMediaType(ServeError):
    """The content type is none that the route reads."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedEncoding(ServeError):
    """The content encoding is none that the server reads; the header names those it does (RFC 9110, 15.5.16)."""

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
    """The header goes on and on."""

    status = 431
    code = "header_too_large"


class ReasonsUnavailable(ServeError):
    """Reasons are asked for, and the version in charge was registered without what gives them."""

    status = 422
    code = "reasons_unavailable"


class InvalidInstance(ServeError):
    """An instance breaks the feature schema.

    `faults` are those of all rows, one each, where the rows could be told apart; the error itself tells of the first.
    """

    status = 422
    code = "invalid_instance"
    names_all = False
    """Whether an answer names all faults, however many."""

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
    """The same where MLflow's protocol is spoken, whose own server answers 400."""

    status = 400


class DuplicateName(InvalidInstance):
    """A JSON object has a name twice, of which every parser takes the one that it likes."""


class UpstreamError(ServeError):
    """A service behind this one does not answer, or answers with nonsense."""

    status = 502
    code = "upstream_error"


class UpdateFailed(ServeError):
    """A worker can't serve the new version, so all of them keep the old one."""

    status = 502
    code = "update_failed"


class NotReady(ServeError):
    """No model is loaded yet, or the server is about to stop."""

    status = 503
    code = "not_ready"
    headers = MappingProxyType({"Retry-After": "1"})


class ModelUnusable(ServeError):
    """The model that should be in charge can't be served by this version of the server; another one is needed."""

    status = 503
    code = "model_unusable"
    headers = MappingProxyType({"Retry-After": "60"})


class TooManyConnections(ServeError):
    """The server process has as many connections as it takes."""

    status = 503
    code = "too_many_connections"
    headers = MappingProxyType({"Retry-After": "1"})


class Overloaded(ServeError):
    """As much is in flight as this server process takes on at a time."""

    status = 503
    code = "overloaded"
    headers = MappingProxyType({"Retry-After": "1"})


class IdempotencyUnavailable(ServeError):
    """The answer could not be kept under its key, so the request was not scored."""

    status = 503
    code = "idempotency_unavailable"
    headers = MappingProxyType({"Retry-After": "5"})


class LabelsUnavailable(ServeError):
    """Labels could not be recorded; none of them was."""

    status = 503
    code = "labels_unavailable"
    headers = MappingProxyType({"Retry-After": "5"})


class PredictionLogFull(ServeError):
    """Too many predictions wait to be written: answering would lose their record."""

    status = 503
    code = "prediction_log_full"
    headers = MappingProxyType({"Retry-After": "5"})
