"""The protocol's calls. Errors are `{"error": "..."}` here, and no address is redirected."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.api.inference_v2.answers import (
    BINARY_TYPE,
    model_config,
    model_metadata,
    model_statistics,
    repository_index,
    write_answer,
)
from serve.api.inference_v2.faults import decode_message
from serve.api.inference_v2.messages import RepositoryIndexRequest, members_of
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER, decode_request
from serve.decoding import DecodedRows
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.error_answers import named_faults
from serve.errors import BodyTooLarge, ServeError, UnknownModel
from serve.metrics import Metrics
from serve.model.model_store import Manifest
from serve.model.serving_model import ServingModel
from serve.scoring.asks import NO_ASKS, Asks
from serve.scoring.call import Headers, Read, ScoringRoute
from serve.scoring.content_encoding import accepted_encoding
from serve.scoring.notes import WriteNoted, noted

SERVER_NAME: Final = "marriage-loan-scoring"
EXTENSIONS: Final = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
"""The supported extensions, Triton's; the model repository can be listed, not changed."""
INDEX_MAX_BYTES: Final = 4096
"""Maximum size of a body of `/v2/repository/index`."""

_INDEX_REQUEST: Final = msgspec.json.Decoder(RepositoryIndexRequest)

_MEDIA_TYPES: Final = ("", "application/json", BINARY_TYPE)

_JSON_LENGTH: Final = JSON_LENGTH_HEADER.lower()


def inference_routes(model: ServingModel, metrics: Metrics, server_version: str) -> list[Route]:
    """The routes of one server, except those that score (`InferRoutes`)."""
    calls = InferenceCalls(model, metrics, server_version)
    models = [
        route
        for prefix in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        for route in (
            Route(prefix, calls.metadata),
            Route(prefix + "/ready", calls.model_ready),
            Route(prefix + "/config", calls.config),
            Route(prefix + "/stats", calls.statistics),
            Route(prefix + "/infer", calls.infer_elsewhere, methods=["POST"]),
        )
    ]
    return [
        Route("/v2", calls.server),
        Route("/v2/health/live", calls.live),
        Route("/v2/health/ready", calls.ready),
        Route("/v2/repository/index", calls.repository_index, methods=["POST"]),
        Route("/v2/models/stats", calls.statistics),
        *models,
    ]


class InferenceCalls:
    """The handlers, for the active model."""

    def __init__(self, model: ServingModel, metrics: Metrics, server_version: str) -> None:
        self._model = model
        self._metrics = metrics
        self._server_version = server_version

    async def server(self, _request: Request) -> Response:
        """`GET /v2`."""
        return _json({"name": SERVER_NAME, "version": self._server_version, "extensions": EXTENSIONS})

    async def live(self, _request: Request) -> Response:
        """`GET /v2/health/live`."""
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        """`GET /v2/health/ready`; 503 while there is no model."""
        return _json({"ready": self._model.active is not None})

    async def metadata(self, request: Request) -> Response:
        """`GET /v2/models/{name}[/versions/{version}]`."""
        return _json(model_metadata(self._named_model(request)))

    async def model_ready(self, request: Request) -> Response:
        """`GET .../ready`."""
        return _json({"name": self._named_model(request).model_name, "ready": True})

    async def config(self, request: Request) -> Response:
        """`GET .../config`."""
        return _json(model_config(self._named_model(request)))

    async def infer_elsewhere(self, request: Request) -> Response:
        """`POST .../infer` for a model or version that is not active."""
        manifest = self._named_model(request)
        raise UnknownModel(
            f"version {manifest.model_version} of {manifest.model_name} has just become active: send this again"
        )

    async def statistics(self, request: Request) -> Response:
        """`GET .../stats`, and `GET /v2/models/stats` for all models, which is the active one."""
        named = "name" in request.path_params
        manifest = self._named_model(request) if named else self._model.active.manifest
        return _json(model_statistics(manifest, self._metrics.totals()))

    async def repository_index(self, request: Request) -> Response:
        """`POST /v2/repository/index`; the body is optional."""
        body = await _short_body(request)
        if body.strip():
            asked = decode_message(_INDEX_REQUEST.decode, body)
            refuse_duplicate_names(body, members_of(asked))
        return _json(repository_index(None if self._model.version is None else self._model.active.manifest))

    def _named_model(self, request: Request) -> Manifest:
        manifest = self._model.active.manifest
        _check_name(request.path_params["name"], request.path_params.get("version"), manifest)
        return manifest


class InferRoutes:
    """The scoring call for the active model, with or without a version in the path; `max_rows` bounds a request."""

    def __init__(self, model: ServingModel, max_rows: int) -> None:
        self._model = model
        self._max_rows = max_rows
        self.unversioned = infer_route(model.name, max_rows)

    def find(self, path: str) -> ScoringRoute | None:
        """The route of a path that names the active version; None for any other."""
        prefix, infix = f"/v2/models/{self._model.name}/versions/", "/infer"
        if not (path.startswith(prefix) and path.endswith(infix)):
            return None
        version = path[len(prefix) : -len(infix)]
        is_in_charge = version == str(self._model.version)
        return infer_route(self._model.name, self._max_rows, version) if is_in_charge else None


def infer_route(name: str, max_rows: int, version: str | None = None) -> ScoringRoute:
    """The route of a model, or of one of its versions."""

    def readers(headers: Headers, asks: Asks) -> Mapping[str, Read]:
        json_length = headers.get(_JSON_LENGTH)
        encoding = accepted_encoding(headers)

        def read(body: bytes, manifest: Manifest) -> tuple[DecodedRows, WriteNoted]:
            _check_name(name, version, manifest)  # the version may have changed since the header was read
            asked, rows = decode_request(body, json_length, max_rows, asks)
            write: WriteNoted = functools.partial(write_answer, asked, encoding)
            return rows, write if asks == NO_ASKS and not rows.reasons else noted(write, rows, asks)

        return dict.fromkeys(_MEDIA_TYPES, read)

    return ScoringRoute(f"/v2/models/{name}/infer", readers, write_error)


def _check_name(name: str, version: str | None, manifest: Manifest) -> None:
    if name != manifest.model_name:
        raise UnknownModel(f"model {name!r} does not exist: expected {manifest.model_name}")
    if version is not None and version != str(manifest.model_version):
        raise UnknownModel(f"version {version!r} of {name} is not active: version {manifest.model_version} is")


def write_error(error: ServeError, _request_id: str) -> bytes:
    """An error in this protocol's form."""
    return orjson.dumps({"error": error.message, **named_faults(error)})


async def _short_body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > INDEX_MAX_BYTES:
            raise BodyTooLarge(f"the body is longer than {INDEX_MAX_BYTES} bytes")
    return body


def _json(document: dict[str, Any] | list[dict[str, str]]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
