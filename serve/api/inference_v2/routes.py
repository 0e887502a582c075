"""The protocol's calls. Errors are `{"error": "..."}` here, and no address is redirected."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.api.inference_v2.answers import BINARY_TYPE, model_config, model_metadata, write_answer
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER, decode_request
from serve.error_answers import Endpoint, telling_errors
from serve.errors import ServeError, UnknownModel
from serve.model.model_store import Manifest
from serve.model.serving_model import ServingModel
from serve.scoring.call import Headers, Question, Read, ScoringRoute
from serve.scoring.content_encoding import accepted_encoding

SERVER_NAME: Final = "marriage-loan-scoring"
EXTENSIONS: Final = ["binary_tensor_data", "model_configuration"]
METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]

_MEDIA_TYPES: Final = ("", "application/json", BINARY_TYPE)

_JSON_LENGTH: Final = JSON_LENGTH_HEADER.lower()


def inference_routes(model: ServingModel, server_version: str) -> list[Route]:
    """The routes of one server but those that score (`InferRoutes`); the last answers for all others below `/v2`."""
    calls = InferenceCalls(model, server_version)
    models = [
        route
        for prefix in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        for route in (
            _route(prefix, calls.metadata),
            _route(prefix + "/ready", calls.model_ready),
            _route(prefix + "/config", calls.config),
            _route(prefix + "/infer", calls.infer_elsewhere, "POST"),
        )
    ]
    return [
        _route("/v2", calls.server),
        _route("/v2/health/live", calls.live),
        _route("/v2/health/ready", calls.ready),
        *models,
        _route("/v2/{rest:path}", calls.nothing, *METHODS),
    ]


class InferenceCalls:
    """The handlers, over the model in charge."""

    def __init__(self, model: ServingModel, server_version: str) -> None:
        self._model = model
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
        """`POST .../infer` of a model or version that is not in charge."""
        manifest = self._named_model(request)
        raise UnknownModel(f"version {manifest.model_version} of {manifest.model_name} came in charge: send this again")

    async def nothing(self, request: Request) -> Response:
        """Any other address."""
        raise UnknownModel(f"{request.method} {request.url.path}: no such call of the inference protocol here")

    def _named_model(self, request: Request) -> Manifest:
        manifest = self._model.active.manifest
        _check_name(request.path_params["name"], request.path_params.get("version"), manifest)
        return manifest


class InferRoutes:
    """The call that scores, of the model in charge and of one version of it; a request has at most so many rows."""

    def __init__(self, model: ServingModel, max_rows: int) -> None:
        self._model = model
        self._max_rows = max_rows
        self.unversioned = infer_route(model.name, max_rows)

    def find(self, path: str) -> ScoringRoute | None:
        """The route of a path that names the version in charge; None for any other."""
        prefix, infix = f"/v2/models/{self._model.name}/versions/", "/infer"
        if not (path.startswith(prefix) and path.endswith(infix)):
            return None
        version = path[len(prefix) : -len(infix)]
        is_in_charge = version == str(self._model.version)
        return infer_route(self._model.name, self._max_rows, version) if is_in_charge else None


def infer_route(name: str, max_rows: int, version: str | None = None) -> ScoringRoute:
    """The route of a model, or of one version of it."""

    def readers(headers: Headers) -> Mapping[str, Read]:
        json_length = headers.get(_JSON_LENGTH)
        encoding = accepted_encoding(headers)

        def read(body: bytes, manifest: Manifest) -> Question:
            _check_name(name, version, manifest)  # another version may have taken over since the header was read
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


def _route(path: str, endpoint: Endpoint, *methods: str) -> Route:
    return Route(path, telling_errors(endpoint, write_error), methods=list(methods) or ["GET"])


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
