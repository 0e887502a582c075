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
from serve.api.scoring_endpoint import answer
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.error_answers import Endpoint, telling_errors
from serve.errors import BodyTooLarge, RouteError, ServeError, UnknownModel
from serve.model.model_store import Manifest
from serve.model.serving_model import ServingModel
from serve.scoring.call import Headers, Question, Read, ScoringRoute
from serve.scoring.content_encoding import accepted_encoding
from serve.scoring.scoring import Scoring

SERVER_NAME: Final = "marriage-loan-scoring"
EXTENSIONS: Final = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
"""Of Triton's; its model repository can be listed here, not changed."""
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
INDEX_MAX_BYTES: Final = 4096
"""Of a body of `/v2/repository/index`."""

_INDEX_REQUEST: Final = msgspec.json.Decoder(RepositoryIndexRequest)

_MEDIA_TYPES: Final = ("", "application/json", BINARY_TYPE)

_JSON_LENGTH: Final = JSON_LENGTH_HEADER.lower()


def inference_routes(model: ServingModel, scoring: Scoring, server_version: str) -> list[Route]:
    """The routes of one server; the last one answers for all other addresses below `/v2`."""
    calls = InferenceCalls(model, scoring, server_version)
    models = [
        route
        for prefix in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        for route in (
            _route(prefix, calls.metadata),
            _route(prefix + "/ready", calls.model_ready),
            _route(prefix + "/config", calls.config),
            _route(prefix + "/stats", calls.statistics),
            _route(prefix + "/infer", calls.infer, "POST"),
        )
    ]
    return [
        _route("/v2", calls.server),
        _route("/v2/health/live", calls.live),
        _route("/v2/health/ready", calls.ready),
        _route("/v2/repository/index", calls.repository_index, "POST"),
        _route("/v2/models/stats", calls.statistics),
        *models,
        Route("/v2/{rest:path}", telling_errors(calls.nothing, write_error), methods=METHODS),
    ]


class InferenceCalls:
    """The handlers, over the model in charge."""

    def __init__(self, model: ServingModel, scoring: Scoring, server_version: str) -> None:
        self._model = model
        self._scoring = scoring
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

    async def statistics(self, request: Request) -> Response:
        """`GET .../stats`, and `GET /v2/models/stats` of all models, which is the one in charge."""
        named = "name" in request.path_params
        manifest = self._named_model(request) if named else self._model.active.manifest
        return _json(model_statistics(manifest, self._scoring.metrics.totals()))

    async def repository_index(self, request: Request) -> Response:
        """`POST /v2/repository/index`; the body may be missing."""
        body = await _short_body(request)
        if body.strip():
            asked = decode_message(_INDEX_REQUEST.decode, body)
            refuse_duplicate_names(body, members_of(asked))
        return _json(repository_index(None if self._model.version is None else self._model.active.manifest))

    async def infer(self, request: Request) -> Response:
        """`POST .../infer`."""
        self._named_model(request)  # an address that is not ours is refused before its body is read
        name, version = request.path_params["name"], request.path_params.get("version")
        return await answer(self._scoring, infer_route(name, version, self._scoring.limits.max_batch_rows), request)

    async def nothing(self, request: Request) -> Response:
        """Any other address."""
        raise UnknownModel(f"{request.method} {request.url.path}: no such call of the inference protocol here")

    def _named_model(self, request: Request) -> Manifest:
        manifest = self._model.active.manifest
        _check_name(request.path_params["name"], request.path_params.get("version"), manifest)
        return manifest


def infer_route(name: str, version: str | None, max_rows: int) -> ScoringRoute:
    """The call that scores, of a model and perhaps of one version of it; a request has at most so many rows."""

    def readers(headers: Headers) -> Mapping[str, Read]:
        json_length = headers.get(_JSON_LENGTH)
        encoding = accepted_encoding(headers)

        def read(body: bytes, manifest: Manifest) -> Question:
            _check_name(name, version, manifest)  # another version may have taken over since the address was read
            asked, rows = decode_request(body, json_length, max_rows)
            return Question(rows, functools.partial(write_answer, asked, encoding))

        return dict.fromkeys(_MEDIA_TYPES, read)

    return ScoringRoute(f"/v2/models/{name}/infer", readers, write_error)


def _check_name(name: str, version: str | None, manifest: Manifest) -> None:
    if name != manifest.model_name:
        raise UnknownModel(f"model {name!r} is not here: {manifest.model_name} is")
    if version is not None and version != str(manifest.model_version):
        raise UnknownModel(f"version {version!r} of {name} is not in charge: version {manifest.model_version} is")


def write_error(error: ServeError, _request_id: str) -> bytes:
    """An error as this protocol has it."""
    return orjson.dumps({"error": error.message})


def _route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
    """A route that takes one method, and refuses the others in this protocol's form."""
    allowed = ["GET", "HEAD"] if method == "GET" else [method]

    async def by_method(request: Request) -> Response:
        if request.method in allowed:
            return await endpoint(request)
        text = f"{request.method} {request.url.path}: this call takes {' or '.join(allowed)}"
        raise RouteError(text, 405, "method_not_allowed", {"Allow": ", ".join(allowed)})

    return Route(path, telling_errors(by_method, write_error), methods=METHODS)


async def _short_body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > INDEX_MAX_BYTES:
            raise BodyTooLarge(f"the body is longer than {INDEX_MAX_BYTES} bytes")
    return body


def _json(document: dict[str, Any] | list[dict[str, str]]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
