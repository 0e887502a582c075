"""Schemas of the scoring routes' bodies and answers, made from the feature schema."""

from __future__ import annotations

from typing import Any, Final

from fraud.features import FEATURE_COUNT, FEATURES
from serve.api.inference_v2.messages import OUTPUT
from serve.api.mlflow_scoring import CSV
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON, NDJSON
from serve.decoding.rows import APPLICANT_REF, APPLICATION_ID, LABEL_MAX_CHARS, LABELS

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
PROBABILITY: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
INSTANCE: Final[Schema] = {"$ref": "#/components/schemas/Instance"}


def array(items: Schema) -> Schema:
    """A list of at least one item."""
    return {"type": "array", "minItems": 1, "items": items}


def closed_object(**properties: Schema) -> Schema:
    """An object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_MEANING_OF_LABELS: Final = {
    APPLICATION_ID: "your id of the application, kept with the prediction so that outcomes can be joined",
    APPLICANT_REF: "your name for the person, kept as a keyed hash only, so that the person can be erased",
}
_ROW: Final[Schema] = {
    "type": "array",
    "minItems": FEATURE_COUNT,
    "maxItems": FEATURE_COUNT + len(LABELS),
    "items": {"type": ["number", "string", "null"]},
}
_SPLIT: Final[Schema] = closed_object(columns=array(TEXT), data=array(_ROW))
_COLUMNS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": ["number", "string", "null"]}},
    "description": "a list for each feature, all of the same length",
}
_ANY_ROWS: Final[Schema] = {"anyOf": [array(INSTANCE), array(_ROW), _COLUMNS]}
_TENSOR: Final[Schema] = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": ["FP32", "FP64", "INT32", "INT64", "BYTES"]},
        "parameters": {"type": "object"},
        "data": {"type": "array", "items": {}},
    },
    "required": ["name", "shape", "datatype"],
}
_STREAM: Final[Schema] = {
    "type": "string",
    "contentMediaType": ARROW_STREAM,
    "description": "the features as columns of any numeric type, in any order, without nulls",
}

SINGLE: Final = {JSON: INSTANCE}
BATCH: Final = {
    JSON: {"oneOf": [closed_object(instances=array(INSTANCE)), _SPLIT, closed_object(columns=_COLUMNS)]},
    NDJSON: {**TEXT, "description": "an application's object in each line"},
    ARROW_STREAM: _STREAM,
}
INVOCATION: Final = {
    JSON: {
        "oneOf": [
            closed_object(dataframe_split=_SPLIT),
            closed_object(dataframe_records=array(INSTANCE)),
            closed_object(instances=_ANY_ROWS),
            closed_object(inputs=_ANY_ROWS),
        ]
    },
    CSV: {**TEXT, "description": "a header line and a line for each application"},
}
INFERENCE: Final = {
    JSON: {
        "type": "object",
        "properties": {
            "id": TEXT,
            "inputs": array(_TENSOR),
            "outputs": {"type": "array", "items": {"type": "object"}},
            "parameters": {"type": "object"},
        },
        "required": ["inputs"],
    }
}

SINGLE_ANSWER: Final = {JSON: closed_object(probability=PROBABILITY)}
BATCH_ANSWER: Final = {
    JSON: closed_object(probabilities=array(PROBABILITY)),
    ARROW_STREAM: {**_STREAM, "description": f"one float32 column `{OUTPUT}`, when Accept asks for it"},
}
INVOCATION_ANSWER: Final = {JSON: closed_object(predictions=array(PROBABILITY))}
INFERENCE_ANSWER: Final = {
    JSON: {
        "type": "object",
        "properties": {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": array(_TENSOR)},
        "required": ["model_name", "model_version", "outputs"],
    }
}


def components() -> dict[str, Schema]:
    """What the paths refer to."""
    detail = {"code": TEXT, "message": TEXT, "instance": {"type": "integer"}, "field": TEXT}
    error = {"type": "object", "properties": detail, "required": ["code", "message"]}
    return {
        "Instance": _instance(),
        "Error": closed_object(error=error, request_id=TEXT),
        "InferenceError": closed_object(error=TEXT),
        "MlflowError": closed_object(error_code=TEXT, message=TEXT),
    }


def _instance() -> Schema:
    properties: Schema = {
        feature.name: {
            "type": "number",
            "minimum": feature.minimum,
            "description": f"{feature.meaning} ({feature.unit})",
        }
        for feature in FEATURES
    }
    for name, meaning in _MEANING_OF_LABELS.items():
        text = {"type": ["string", "null"], "minLength": 1, "maxLength": LABEL_MAX_CHARS}
        properties[name] = {**text, "description": meaning}
    return {
        "type": "object",
        "properties": properties,
        "required": [feature.name for feature in FEATURES],
        "additionalProperties": False,
    }
