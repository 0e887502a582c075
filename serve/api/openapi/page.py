"""The document: what FastAPI knows, and every scoring route with its bodies, answers and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fraud.api_keys import Role
from serve.access.authorization import is_open, role_for
from serve.api.inference_v2.requests import JSON_LENGTH_HEADER
from serve.api.openapi import examples, schemas
from serve.api.openapi.schemas import Schema
from serve.decoding.by_content_type import JSON
from serve.request_names import NAME

INFERENCE_PREFIX: Final = "/v2/models/{name}"

_FAULTS: Final = {
    "400": "The body is not what its headers say",
    "413": "Too many rows or bytes, also after inflating",
    "415": "A content type or encoding that the call does not read",
    "422": "An instance breaks the schema; the error names instance and field",
    "429": "The client has asked for as much as it may, or too many logins from its address were wrong",
    "503": "No model yet, too much in flight, or the prediction log is full",
}
_KEYS: Final[Schema] = {
    "BearerKey": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "HeaderKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_LOGINS: Final[Schema] = {
    **_KEYS,
    "Administrator": {"type": "http", "scheme": "basic", "description": "name and password; has `read` and `operate`"},
}
_FORMS: Final = {"v2": "InferenceError", "invocations": "MlflowError", "version": "MlflowError"}
_UNKNOWN_MODEL: Final = {"404": "Another model, or a version that is not in charge"}


@dataclass(frozen=True, slots=True)
class ScoringCall:
    """One scoring route as the page shows it."""

    tag: str
    summary: str
    bodies: Mapping[str, Schema]
    examples: examples.Bodies
    answers: Mapping[str, Schema]
    error: str = "Error"


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
    "MlflowError",
)
_INFERENCE: Final = ScoringCall(
    "Open Inference Protocol v2",
    "Probabilities for a tensor [N, 10], or for a tensor [N] for each feature; binary tensors may follow the JSON",
    schemas.INFERENCE,
    examples.INFERENCE,
    schemas.INFERENCE_ANSWER,
    "InferenceError",
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas.components())
        document["paths"] |= {
            "/predict": {"post": _scoring(_SINGLE)},
            "/batch_predict": {"post": _scoring(_BATCH)},
            "/invocations": {"post": _scoring(_INVOCATION)},
            "/ping": {"get": _probe(_INVOCATION, "A model is loaded: an empty line")},
            "/health": {"get": _probe(_INVOCATION, "As /ping")},
            "/version": {"get": _probe(_INVOCATION, "The MLflow whose protocol this is")},
            "/v2": {"get": _probe(_INFERENCE, "Name, version and extensions of the server")},
            "/v2/health/live": {"get": _probe(_INFERENCE, "The process answers")},
            "/v2/health/ready": {"get": _probe(_INFERENCE, "A model is loaded")},
            **_model_paths(INFERENCE_PREFIX, [_name_parameter("name", "divorce-model")]),
            **_model_paths(
                INFERENCE_PREFIX + "/versions/{version}",
                [_name_parameter("name", "divorce-model"), _name_parameter("version", "1")],
            ),
        }
        _add_logins(document)
        app.openapi_schema = document
    return app.openapi_schema


def _add_logins(document: Schema) -> None:
    """What each address takes, as the server itself decides it."""
    document["components"]["securitySchemes"] = _LOGINS
    for path, item in document["paths"].items():
        if is_open(path):
            continue
        role = role_for(path)
        for operation in item.values():
            # A path's own parameters stand beside its operations.
            if not isinstance(operation, dict):
                continue
            operation["security"] = [{name: []} for name in (_KEYS if role is Role.SCORE else _LOGINS)]
            takes = "Any login." if role is None else f"Takes the role `{role}`."
            operation["description"] = " ".join(filter(None, (operation.get("description"), takes)))
            form = _FORMS.get(path.split("/")[1], "Error")
            operation["responses"] |= {
                "401": _fault(form, "No login, or a wrong one; the error says what to send"),
                "403": _fault(form, "The login lacks the role"),
            }
            operation["responses"].setdefault("429", _fault(form, "Too many logins from this address were wrong"))


def _model_paths(prefix: str, parameters: list[Schema]) -> dict[str, Any]:
    length = _header(JSON_LENGTH_HEADER, {"type": "integer"}, "bytes of JSON in front of binary tensors")
    return {
        **{
            prefix + address: {"parameters": parameters, "get": _probe(_INFERENCE, summary, _UNKNOWN_MODEL)}
            for address, summary in (
                ("", "Inputs and outputs of the model"),
                ("/ready", "The model answers"),
                ("/config", "Triton's model configuration"),
            )
        },
        prefix + "/infer": {"parameters": [*parameters, length], "post": _scoring(_INFERENCE, _UNKNOWN_MODEL)},
    }


def _scoring(call: ScoringCall, more_faults: Mapping[str, str] | None = None) -> Schema:
    return {
        "tags": [call.tag],
        "summary": call.summary,
        "parameters": [
            _header("Content-Encoding", {"enum": ["gzip", "deflate", "zstd"]}, "how the body is compressed"),
            _header(
                "X-Request-ID",
                {**schemas.TEXT, "pattern": f"^{NAME}$"},
                "your name for the request, in the answer and on record",
            ),
            _header("X-Load-Test", {"enum": ["true"]}, "the rows are no applicants"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                content_type: {"schema": schema, **_named_examples(call.examples[content_type])}
                for content_type, schema in call.bodies.items()
            },
        },
        "responses": {
            "200": {
                "description": "Scored and on record",
                "content": {content_type: {"schema": schema} for content_type, schema in call.answers.items()},
            },
            **{status: _fault(call.error, text) for status, text in {**_FAULTS, **(more_faults or {})}.items()},
        },
    }


def _named_examples(named: Mapping[str, Any]) -> Schema:
    return {"examples": {name: {"value": value} for name, value in named.items()}} if named else {}


def _probe(call: ScoringCall, summary: str, more_faults: Mapping[str, str] | None = None) -> Schema:
    return {
        "tags": [call.tag],
        "summary": summary,
        "responses": {
            "200": {"description": summary},
            **{
                status: _fault(call.error, text)
                for status, text in {"503": "No model yet", **(more_faults or {})}.items()
            },
        },
    }


def _fault(form: str, text: str) -> Schema:
    return {
        "description": text,
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{form}"}}},
    }


def _header(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


def _name_parameter(name: str, example: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schemas.TEXT, "example": example}
