"""The OpenAPI document: FastAPI's own, plus every scoring route with its bodies, answers and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud.api_keys import Role
from fraud.features import FEATURE_COUNT
from serve.access.authorization import is_open, role_for
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER
from serve.api.labels import LABELS
from serve.api.openapi import examples, responses, schemas
from serve.api.openapi import inference_schemas as v2
from serve.api.openapi.responses import add_common_headers, add_faults
from serve.api.openapi.schemas import Schema
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON
from serve.idempotency.key import IDEMPOTENCY_KEY_HEADER
from serve.request_names import LOAD_TEST_HEADER, NAME, REQUEST_ID_HEADER
from serve.scoring.asks import (
    ANSWERS,
    DECISION,
    DECISION_HEADER,
    ERRORS,
    ERRORS_HEADER,
    LANGUAGE,
    LANGUAGE_HEADER,
    REASONS,
    REASONS_HEADER,
    WARNINGS,
    WARNINGS_HEADER,
)

INFERENCE_PREFIX: Final = "/v2/models/{name}"
PREPARE_PREFIX: Final = "/prepare-model/"

_KEYS: Final[Schema] = {
    "BearerKey": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "HeaderKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_LOGINS: Final[Schema] = {
    **_KEYS,
    "Administrator": {"type": "http", "scheme": "basic", "description": "name and password; has `read` and `operate`"},
}


@dataclass(frozen=True, slots=True)
class ScoringCall:
    """One scoring route as documented."""

    tag: str
    summary: str
    bodies: Mapping[str, Schema]
    examples: examples.Bodies
    answers: Mapping[str, Schema]


_SINGLE: Final = ScoringCall(
    "scoring",
    "Probability of a quick divorce for one application",
    schemas.SINGLE,
    examples.SINGLE,
    schemas.SINGLE_ANSWER,
)
_BATCH: Final = ScoringCall(
    "scoring",
    "Probabilities for many applications, in the order of the request",
    schemas.BATCH,
    examples.BATCH,
    schemas.BATCH_ANSWER,
)
_INVOCATION: Final = ScoringCall(
    "MLflow's scoring protocol",
    "Probabilities for many applications, as `mlflow models serve` answers",
    schemas.INVOCATION,
    examples.INVOCATION,
    schemas.INVOCATION_ANSWER,
)
_INFERENCE: Final = ScoringCall(
    "Open Inference Protocol v2",
    f"Probabilities for a tensor [N, {FEATURE_COUNT}], or for a tensor [N] for each feature; "
    "binary tensors may follow the JSON",
    v2.INFERENCE,
    examples.INFERENCE,
    v2.INFERENCE_ANSWER,
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, built once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas.components())
        document["paths"] |= {
            "/predict": {"post": _scoring(_SINGLE)},
            "/batch_predict": {"post": _scoring(_BATCH, [_ACCEPT, _ACCEPT_ENCODING], _COMPRESSED)},
            "/invocations": {"post": _scoring(_INVOCATION, [_ACCEPT_ENCODING], _COMPRESSED)},
            "/ping": {"get": _probe(_INVOCATION, "A model is loaded: an empty line")},
            "/health": {"get": _probe(_INVOCATION, "As /ping")},
            "/version": {"get": _probe(_INVOCATION, "The MLflow version whose protocol this is")},
            "/v2": {"get": _probe(_INFERENCE, "Name, version and extensions of the server", v2.SERVER)},
            "/v2/health/live": {"get": _probe(_INFERENCE, "The process is alive", v2.LIVE)},
            "/v2/health/ready": {"get": _probe(_INFERENCE, "A model is loaded", v2.READY)},
            "/v2/repository/index": {"post": _repository_index()},
            "/v2/models/stats": {"get": _probe(_INFERENCE, "Counts of scored requests and rows", v2.STATISTICS)},
            **_model_paths(INFERENCE_PREFIX, [_name_parameter("name", "divorce-model")]),
            **_model_paths(
                INFERENCE_PREFIX + "/versions/{version}",
                [_name_parameter("name", "divorce-model"), _name_parameter("version", "1")],
            ),
        }
        document["components"]["securitySchemes"] = _LOGINS
        for path, item in document["paths"].items():
            # Parameters of the path itself are listed beside its operations.
            for method in _METHODS.intersection(item):
                _complete(item[method], path)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: Schema, path: str) -> None:
    """Add the errors, headers and role of a call, by the server's own rules for its address."""
    if path == "/update-model":
        add_faults(operation, path, responses.UPDATE)
    if path == LABELS:
        _add_labels(operation)
    if path.startswith(PREPARE_PREFIX):
        # FastAPI documents its own number check, but the route reports that fault in our form.
        del operation["responses"]["422"]
        add_faults(operation, path, responses.PREPARE)
    if path.startswith(INFERENCE_PREFIX):
        add_faults(operation, path, responses.MODEL_ADDRESS)
    add_faults(operation, path, responses.EVERYWHERE)
    if not is_open(path):
        role = role_for(path.replace("{version}", "1"))
        operation["security"] = [{name: []} for name in (_KEYS if role is Role.SCORE else _LOGINS)]
        takes = "Any login." if role is None else f"Requires the role `{role}`."
        operation["description"] = " ".join(filter(None, (operation.get("description"), takes)))
        add_faults(operation, path, responses.WITH_LOGIN)
    operation.setdefault("parameters", []).append(_REQUEST_ID)
    add_common_headers(operation)


def _add_labels(operation: Schema) -> None:
    operation["parameters"] = [_IDEMPOTENCY_KEY]
    operation["requestBody"] = {
        "required": True,
        "content": {JSON: {"schema": schemas.OUTCOME_LABELS, **_named_examples(examples.LABELS[JSON])}},
    }
    operation["responses"]["200"]["headers"] = responses.REPLAYED
    add_faults(operation, LABELS, responses.LABELS)


def _model_paths(prefix: str, parameters: list[Schema]) -> dict[str, Any]:
    return {
        **{
            prefix + address: {"parameters": parameters, "get": _probe(_INFERENCE, summary, answer)}
            for address, summary, answer in (
                ("", "Inputs and outputs of the model", v2.MODEL),
                ("/ready", "The model is ready", v2.MODEL_READY),
                ("/config", "Triton's model configuration", v2.MODEL_CONFIG),
                ("/stats", "Counts of scored requests and rows, over all routes and versions", v2.STATISTICS),
            )
        },
        prefix + "/infer": {
            "parameters": parameters,
            "post": _scoring(_INFERENCE, [_JSON_LENGTH, _ACCEPT_ENCODING], _INFERENCE_HEADERS),
        },
    }


def _scoring(call: ScoringCall, parameters: Sequence[Schema] = (), headers: Schema | None = None) -> Schema:
    operation: Schema = {
        "tags": [call.tag],
        "summary": call.summary,
        "parameters": [*_SCORING_HEADERS, *parameters],
        "requestBody": {
            "required": True,
            "content": {
                content_type: {"schema": schema, **_named_examples(call.examples.get(content_type, {}))}
                for content_type, schema in call.bodies.items()
            },
        },
        "responses": {
            "200": responses.success("Scored and on record", call.answers, {**responses.REPLAYED, **(headers or {})})
        },
    }
    path = "/invocations" if call is _INVOCATION else "/v2" if call is _INFERENCE else "/"
    add_faults(operation, path, responses.SCORING)
    return operation


def _repository_index() -> Schema:
    operation = _probe(_INFERENCE, "The available models", v2.INDEX)
    operation["requestBody"] = {"required": False, "content": {JSON: {"schema": v2.INDEX_REQUEST}}}
    add_faults(operation, "/v2", responses.SHORT_BODY)
    return operation


def _named_examples(named: Mapping[str, Any]) -> Schema:
    return {"examples": {name: {"value": value} for name, value in named.items()}} if named else {}


def _probe(call: ScoringCall, summary: str, answer: Schema | None = None) -> Schema:
    content = {} if answer is None else {JSON: answer}
    return {"tags": [call.tag], "summary": summary, "responses": {"200": responses.success(summary, content)}}


def _header(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


def _ask(name: str, header: str, text: str) -> tuple[Schema, Schema]:
    """An option that can be set in the query or by a header."""
    schema: Schema = {"enum": list(ANSWERS[name])}
    in_query = {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
    return in_query, _header(header, schema, f"as `{name}` in the query, which takes precedence")


def _name_parameter(name: str, example: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schemas.TEXT, "example": example}


_NAME: Final[Schema] = {**schemas.TEXT, "pattern": f"^{NAME}$"}
_REQUEST_ID: Final = _header(REQUEST_ID_HEADER, _NAME, "your id for the request, returned in the answer and recorded")
_KEY_SCHEMA: Final[Schema] = {**schemas.TEXT, "pattern": f'^("{NAME}"|{NAME})$'}
_IDEMPOTENCY_KEY: Final = _header(
    IDEMPOTENCY_KEY_HEADER, _KEY_SCHEMA, "labels sent again under the same key are recorded once"
)
_SCORING_HEADERS: Final = (
    _header(
        "Content-Encoding",
        {"enum": ["gzip", "x-gzip", "deflate", "zstd", "identity", ""]},
        "compression of the body",
    ),
    _header(LOAD_TEST_HEADER, schemas.TEXT, "`true` or `1`: the rows are not real applicants"),
    _header(
        IDEMPOTENCY_KEY_HEADER,
        _KEY_SCHEMA,
        "a request sent again under the same key is scored once, and gets the first answer",
    ),
    *_ask(
        ERRORS,
        ERRORS_HEADER,
        "`report`: if at least one row is valid, invalid rows are null in the answer, with their faults, and the "
        "others are scored",
    ),
    *_ask(WARNINGS, WARNINGS_HEADER, "`true`: implausible values are reported for each row"),
    *_ask(
        REASONS,
        REASONS_HEADER,
        "number of reasons: the features that raise or lower a row's score most, with their effects on the log-odds, "
        "as numbers and in words; they are recorded; 422 if the active version has no reasons",
    ),
    *_ask(LANGUAGE, LANGUAGE_HEADER, "language of the reasons; default: English"),
    *_ask(
        DECISION,
        DECISION_HEADER,
        "`true`: decide for each row whether it is reviewed or passed, by the policy in force",
    ),
)
_ACCEPT: Final = _header("Accept", schemas.TEXT, f"`{ARROW_STREAM}` for an answer in Arrow; weights count (`q`)")
_ACCEPT_ENCODING: Final = _header(
    "Accept-Encoding", schemas.TEXT, "`zstd`, `gzip` or `deflate` for a compressed answer"
)
_LENGTH: Final[Schema] = {"type": "integer", "minimum": 0}
_JSON_LENGTH: Final = _header(JSON_LENGTH_HEADER, _LENGTH, "length in bytes of the JSON before the binary tensors")
_INFERENCE_HEADERS: Final[Schema] = {
    JSON_LENGTH_HEADER: responses.header(_LENGTH, "length in bytes of the JSON before the binary tensor", always=False),
    "Content-Encoding": responses.header(
        {"enum": ["gzip", "deflate", "zstd"]}, "chosen from Accept-Encoding", always=False
    ),
}
_COMPRESSED: Final[Schema] = {
    "Content-Encoding": responses.header(
        {"enum": ["gzip", "deflate", "zstd"]}, "of a long answer, chosen from Accept-Encoding", always=False
    )
}
_METHODS: Final = frozenset({"get", "post"})
