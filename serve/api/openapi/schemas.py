"""Schemas of the scoring routes' bodies and answers, made from the feature schema."""

from __future__ import annotations

from typing import Any, Final

from fraud.features import FEATURE_COUNT, FEATURE_NAMES, FEATURES
from serve.api.inference_v2.messages import OUTPUT
from serve.decoding.arrow_stream import ARROW_STREAM, MAX_BATCHES
from serve.decoding.by_content_type import CSV, JSON, NDJSON, PARQUET
from serve.decoding.rows import APPLICANT_REF, APPLICATION_ID, LABEL_MAX_CHARS, LABELS

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
BINARY: Final[Schema] = {"type": "string", "format": "binary"}
BEYOND_FLOAT32: Final = float(2**128 - 2**103)
"""The least number that becomes infinite as float32."""
NUMBER: Final[Schema] = {"type": "number", "exclusiveMaximum": BEYOND_FLOAT32}
PROBABILITY: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
INSTANCE: Final[Schema] = {"$ref": "#/components/schemas/Instance"}
LABEL: Final[Schema] = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": LABEL_MAX_CHARS,
    "pattern": r"^[^\x00-\x1f\x7f]*$",
}


def array(items: Schema, **bounds: int) -> Schema:
    """A list of at least one item."""
    return {"type": "array", "minItems": 1, "items": items, **bounds}


def closed_object(**properties: Schema) -> Schema:
    """An object with exactly these members."""
    return {**some_members(list(properties), **properties), "additionalProperties": False}


def some_members(required: list[str], **properties: Schema) -> Schema:
    """An object with at least the required members; each that has a schema is as that says."""
    return {"type": "object", "properties": properties, "required": required}


_MEANING_OF_LABELS: Final = {
    APPLICATION_ID: "your id of the application, kept with the prediction so that outcomes can be joined",
    APPLICANT_REF: "your name for the person, kept as a keyed hash only, so that the person can be erased",
}
_LEAST: Final[Schema] = {**NUMBER, "minimum": min(feature.minimum for feature in FEATURES)}
_POSITIONAL: Final[Schema] = array(_LEAST, minItems=FEATURE_COUNT, maxItems=FEATURE_COUNT)
_ROW: Final[Schema] = array({"anyOf": [_LEAST, LABEL]}, minItems=FEATURE_COUNT, maxItems=FEATURE_COUNT + len(LABELS))
_HEADER: Final[Schema] = {
    **array({"enum": [*FEATURE_NAMES, *LABELS]}, minItems=FEATURE_COUNT, maxItems=FEATURE_COUNT + len(LABELS)),
    "uniqueItems": True,
    "allOf": [{"contains": {"const": name}} for name in FEATURE_NAMES],
    "description": "each feature once, in any order, and perhaps labels",
}
_SPLIT: Final[Schema] = closed_object(columns=_HEADER, data=array(_ROW))
_COLUMNS: Final[Schema] = {
    **some_members(
        list(FEATURE_NAMES),
        **{feature.name: array({**NUMBER, "minimum": feature.minimum}) for feature in FEATURES},
        **{name: {"type": ["array", "null"], "items": LABEL} for name in LABELS},
    ),
    "additionalProperties": False,
    "description": "a list for each feature, all of the same length",
}
_ANY_ROWS: Final[Schema] = {"anyOf": [array(INSTANCE), INSTANCE, array(_POSITIONAL), _COLUMNS]}
_STREAM: Final[Schema] = {
    **BINARY,
    "contentMediaType": ARROW_STREAM,
    "description": f"the features as columns of any numeric type, in any order, without nulls, in at most "
    f"{MAX_BATCHES} record batches that are not compressed; labels as text",
}


def _one_form(**form: Schema) -> Schema:
    """An object with one of MLflow's forms; other members are let pass."""
    return some_members(list(form), **form)


SINGLE: Final = {JSON: INSTANCE}
BATCH: Final = {
    JSON: {"oneOf": [closed_object(instances=array(INSTANCE)), _SPLIT, closed_object(columns=_COLUMNS)]},
    NDJSON: {**TEXT, "description": "an application's object in each line"},
    ARROW_STREAM: _STREAM,
}
INVOCATION: Final = {
    JSON: {
        "oneOf": [
            _one_form(
                dataframe_split={
                    **some_members(["columns", "data"], columns=_HEADER, data=array(_ROW), index={}),
                    "additionalProperties": False,
                }
            ),
            _one_form(dataframe_records=array(INSTANCE)),
            _one_form(instances=_ANY_ROWS),
            _one_form(inputs=_ANY_ROWS),
        ]
    },
    CSV: {**TEXT, "description": "a header line and a line for each application"},
    PARQUET: {**BINARY, "description": "as `pandas.DataFrame.to_parquet` writes it; labels as text"},
}

SINGLE_ANSWER: Final = {JSON: closed_object(probability=PROBABILITY)}
BATCH_ANSWER: Final = {
    JSON: closed_object(probabilities=array(PROBABILITY)),
    ARROW_STREAM: {**BINARY, "description": f"one float32 column `{OUTPUT}`, when Accept asks for it"},
}
INVOCATION_ANSWER: Final = {JSON: closed_object(predictions=array(PROBABILITY))}


def components() -> dict[str, Schema]:
    """What the paths refer to."""
    detail = {"code": TEXT, "message": TEXT, "instance": {"type": "integer", "minimum": 0}, "field": TEXT}
    error = {**some_members(["code", "message"], **detail), "additionalProperties": False}
    return {
        "Instance": _instance(),
        "Error": closed_object(error=error, request_id=TEXT),
        "InferenceError": closed_object(error=TEXT),
        "MlflowError": closed_object(error_code=TEXT, message=TEXT),
    }


def _instance() -> Schema:
    properties: Schema = {
        feature.name: {
            **NUMBER,
            "minimum": feature.minimum,
            "description": f"{feature.meaning} ({feature.unit})",
        }
        for feature in FEATURES
    }
    for name, meaning in _MEANING_OF_LABELS.items():
        properties[name] = {**LABEL, "description": meaning}
    return {
        "type": "object",
        "properties": properties,
        "required": [feature.name for feature in FEATURES],
        "additionalProperties": False,
    }
