"""Schemas of the Open Inference Protocol, version 2: bodies, answers and metadata."""

from __future__ import annotations

from typing import Final

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.api.inference_v2.answers import BINARY_TYPE, REASON
from serve.api.inference_v2.messages import ATTRIBUTIONS, DATATYPES, INPUT, OUTPUT
from serve.api.openapi.schemas import BINARY, PROBABILITY, TEXT, Schema, array, closed_object, some_members
from serve.decoding.by_content_type import JSON
from serve.decoding.rows import LABELS

COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_ANY_TEXT: Final[Schema] = {"type": ["string", "null"]}


def _parameters(**known: Schema) -> Schema:
    """The supported parameters; others are ignored."""
    return {"type": ["object", "null"], "properties": known}


_BOOL: Final[Schema] = {"type": ["boolean", "null"]}
_VALUE: Final[Schema] = {"type": ["number", "boolean", "string", "null"]}
_TENSOR: Final[Schema] = {
    **some_members(
        ["name", "shape", "datatype"],
        name={"enum": [INPUT, *FEATURE_NAMES, *LABELS]},
        shape=array({"type": "integer", "minimum": 1}, maxItems=2),
        datatype={"enum": list(DATATYPES)},
        parameters=_parameters(binary_data_size={"type": ["integer", "null"], "minimum": 0}),
        data=array({"anyOf": [_VALUE, array(_VALUE, maxItems=FEATURE_COUNT)]}),
    ),
    "additionalProperties": False,
    "description": "its values in `data`, flat or nested, or in binary after the JSON",
}
_REQUESTED: Final[Schema] = {
    **some_members(["name"], name={"enum": [OUTPUT, ATTRIBUTIONS]}, parameters=_parameters(binary_data=_BOOL)),
    "additionalProperties": False,
}
_OUTPUTS: Final[Schema] = {
    "type": ["array", "null"],
    "items": _REQUESTED,
    "maxItems": 2,
    "allOf": [
        {"contains": {"properties": {"name": {"const": name}}}, "minContains": 0, "maxContains": 1}
        for name in (OUTPUT, ATTRIBUTIONS)
    ],
    "description": "each at most once; default: the probability",
}
_WITH_BYTES: Final[Schema] = {
    **BINARY,
    "description": "the JSON, whose length is in Inference-Header-Content-Length, then the binary tensors",
}

INFERENCE: Final = {
    JSON: {
        **some_members(
            ["inputs"],
            id=_ANY_TEXT,
            model_name=_ANY_TEXT,
            model_version=_ANY_TEXT,
            inputs=array(_TENSOR, maxItems=FEATURE_COUNT + len(LABELS)),
            outputs=_OUTPUTS,
            parameters=_parameters(binary_data_output=_BOOL),
        ),
        "additionalProperties": False,
    },
    BINARY_TYPE: _WITH_BYTES,
}

_ONE_SIZE: Final = array({"type": "integer", "minimum": 1}, maxItems=1)
_RESULT: Final[Schema] = closed_object(
    name={"const": OUTPUT},
    datatype={"const": "FP32"},
    shape=_ONE_SIZE,
    data=array({**PROBABILITY, "type": ["number", "null"]}),
)
_ATTRIBUTIONS: Final[Schema] = {
    **closed_object(
        name={"const": ATTRIBUTIONS},
        datatype={"const": "FP32"},
        shape=array({"type": "integer", "minimum": 1}, maxItems=2),
        data=array({"type": ["number", "null"]}),
        parameters=closed_object(base={"type": "number"}),
    ),
    "description": "if requested: the effect of each feature of each row; `base` plus a row's sum is the row's "
    "log-odds",
}
_TOLD: Final[Schema] = {
    **closed_object(
        name={"enum": ["fault", "warning", REASON]}, datatype={"const": "BYTES"}, shape=_ONE_SIZE, data=array(TEXT)
    ),
    "description": "with `errors=report`, `warnings=true` and `reasons=K`: one text for each row, empty if there is "
    "nothing to report",
}
INFERENCE_ANSWER: Final = {
    JSON: {
        **some_members(
            ["model_name", "model_version", "outputs"],
            model_name=TEXT,
            model_version=TEXT,
            id=TEXT,
            outputs=array({"oneOf": [_RESULT, _ATTRIBUTIONS, _TOLD]}, maxItems=5),
        ),
        "additionalProperties": False,
    },
    BINARY_TYPE: _WITH_BYTES,
}

_METADATA_TENSOR: Final = closed_object(name=TEXT, datatype=TEXT, shape=array({"type": "integer"}))
_CONFIG_TENSOR: Final = closed_object(name=TEXT, data_type=TEXT, dims=array({"type": "integer"}))

SERVER: Final = closed_object(name=TEXT, version=TEXT, extensions=array(TEXT))
LIVE: Final = closed_object(live={"type": "boolean"})
READY: Final = closed_object(ready={"type": "boolean"})
MODEL: Final = closed_object(
    name=TEXT, versions=array(TEXT), platform=TEXT, inputs=array(_METADATA_TENSOR), outputs=array(_METADATA_TENSOR)
)
MODEL_READY: Final = closed_object(name=TEXT, ready={"type": "boolean"})
MODEL_CONFIG: Final = closed_object(
    name=TEXT,
    platform=TEXT,
    backend=TEXT,
    version_policy={"type": "object"},
    max_batch_size=COUNT,
    input=array(_CONFIG_TENSOR),
    output=array(_CONFIG_TENSOR),
)
STATISTICS: Final = closed_object(
    model_stats=array(
        closed_object(
            name=TEXT,
            version=TEXT,
            inference_count={**COUNT, "description": "rows over all scoring routes and versions since the start"},
            inference_stats=closed_object(
                success=closed_object(count=COUNT, ns=COUNT), fail=closed_object(count=COUNT)
            ),
        )
    )
)
INDEX_REQUEST: Final[Schema] = {**some_members([], ready=_BOOL), "additionalProperties": False}
INDEX: Final[Schema] = {
    "type": "array",
    "items": closed_object(name=TEXT, version=TEXT, state={"const": "READY"}, reason=TEXT),
}
