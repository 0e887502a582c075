"""Schemas of the scoring routes' bodies and answers, made from the feature schema."""

from __future__ import annotations

from typing import Any, Final

from fraud.feature_file import Feature
from fraud.features import FEATURE_COUNT, FEATURE_NAMES, FEATURES
from serve.api.inference_v2.messages import OUTPUT
from serve.decoding.arrow_stream import ARROW_FILE, ARROW_STREAM, MAX_BATCHES
from serve.decoding.bounds import REQUIRED_NAMES
from serve.decoding.by_content_type import CSV, JSON, LINES, PARQUET
from serve.decoding.rows import APPLICANT_REF, APPLICATION_ID, LABEL_MAX_CHARS, LABELS
from serve.error_answers import MAX_NAMED_FAULTS
from serve.labels.label import ID_CHARACTERS, OUTCOMES, SOURCE_CHARACTERS
from serve.scoring.notes import PASS, REVIEW

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
BINARY: Final[Schema] = {"type": "string", "format": "binary"}
BEYOND_FLOAT32: Final = float(2**128 - 2**103)
"""The smallest number that becomes infinite as float32."""
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
    """An object with at least the required members; members with a schema must match it."""
    return {"type": "object", "properties": properties, "required": required}


_MEANING_OF_LABELS: Final = {
    APPLICATION_ID: "your id of the application, recorded with the prediction so that outcomes can be joined",
    APPLICANT_REF: "your name for the person, recorded only as a keyed hash, so that the person can be erased",
}
_NUMBER_OR_NULL: Final = {"type": ["number", "null"]}
_LEAST: Final[Schema] = {
    **NUMBER,
    **(_NUMBER_OR_NULL if len(REQUIRED_NAMES) < FEATURE_COUNT else {}),
    "minimum": min(feature.minimum for feature in FEATURES),
}
_POSITIONAL: Final[Schema] = array(_LEAST, minItems=FEATURE_COUNT, maxItems=FEATURE_COUNT)
_WIDTH: Final = {"minItems": len(REQUIRED_NAMES), "maxItems": FEATURE_COUNT + len(LABELS)}
_ROW: Final[Schema] = array({"anyOf": [_LEAST, LABEL]}, **_WIDTH)
_HEADER: Final[Schema] = {
    **array({"enum": [*FEATURE_NAMES, *LABELS]}, **_WIDTH),
    "uniqueItems": True,
    "allOf": [{"contains": {"const": name}} for name in REQUIRED_NAMES],
    "description": "each feature once, in any order; the labels and features that may be missing are optional",
}


def _value(feature: Feature) -> Schema:
    return {**NUMBER, **(_NUMBER_OR_NULL if feature.may_be_missing else {}), "minimum": feature.minimum}


_SPLIT: Final[Schema] = {
    **some_members(["columns", "data"], columns=_HEADER, data=array(_ROW), index={}),
    "additionalProperties": False,
    "description": 'as pandas writes it by `to_json(orient="split")`',
}
_COLUMNS: Final[Schema] = {
    **some_members(
        list(REQUIRED_NAMES),
        **{feature.name: array(_value(feature)) for feature in FEATURES},
        **{name: {"type": ["array", "null"], "items": LABEL} for name in LABELS},
    ),
    "additionalProperties": False,
    "description": "one list for each feature, all of the same length",
}
_ANY_ROWS: Final[Schema] = {"anyOf": [array(INSTANCE), INSTANCE, array(_POSITIONAL), _COLUMNS]}
_STREAM: Final[Schema] = {
    **BINARY,
    "contentMediaType": ARROW_STREAM,
    "description": f"the features as columns of any numeric type, also decimal, in any order, in at most "
    f"{MAX_BATCHES} record batches that are not compressed; nulls where a feature may be missing; labels as text, "
    "dictionaries of texts or integers",
}
_FILE: Final[Schema] = {**_STREAM, "contentMediaType": ARROW_FILE}
_TABLE: Final[Schema] = {
    **TEXT,
    "description": "a header line, then one line for each application; an empty field is a missing value",
}
_PARQUET: Final[Schema] = {**BINARY, "description": "as `pandas.DataFrame.to_parquet` writes it; types as in Arrow"}
_LINES: Final[Schema] = {**TEXT, "description": "one application's object in each line"}


def _one_form(**form: Schema) -> Schema:
    """An object in one of MLflow's forms; other members are ignored."""
    return some_members(list(form), **form)


SINGLE: Final = {JSON: INSTANCE}
BATCH: Final = {
    JSON: {
        "oneOf": [closed_object(instances=array(INSTANCE)), _SPLIT, closed_object(columns=_COLUMNS), array(INSTANCE)]
    },
    **dict.fromkeys(LINES, _LINES),
    ARROW_STREAM: _STREAM,
    ARROW_FILE: _FILE,
    PARQUET: _PARQUET,
    CSV: _TABLE,
}
INVOCATION: Final = {
    JSON: {
        "oneOf": [
            _one_form(dataframe_split=_SPLIT),
            _one_form(dataframe_records=array(INSTANCE)),
            _one_form(instances=_ANY_ROWS),
            _one_form(inputs=_ANY_ROWS),
        ]
    },
    CSV: _TABLE,
    PARQUET: _PARQUET,
}

_ROW_FAULT: Final[Schema] = {"$ref": "#/components/schemas/RowFault"}
_FAULTS: Final[Schema] = {
    "type": "array",
    "items": _ROW_FAULT,
    "description": "with `errors=report`: the rows that are null, and their faults",
}
_WARNINGS: Final[Schema] = {
    "type": "array",
    "items": _ROW_FAULT,
    "description": "with `warnings=true`: values that were scored but are implausible",
}
_REASON: Final[Schema] = {"$ref": "#/components/schemas/Reason"}
_BASE: Final[Schema] = {
    "type": "number",
    "description": "with `reasons=K`: log-odds of the expected value; added to the effects of all features, the row's "
    "log-odds",
}
_REASONS: Final[Schema] = {
    **array(_REASON, maxItems=FEATURE_COUNT),
    "description": "with `reasons=K`: the K features with the largest effects, largest first",
}
_REASONS_BY_ROW: Final[Schema] = array({**_REASONS, "type": ["array", "null"]})
_DECISION: Final[Schema] = {
    "enum": [REVIEW, PASS],
    "description": "with `decision=true`: reviewed by probability, or as part of the control sample",
}
_DECISIONS: Final[Schema] = {**array({"enum": [REVIEW, PASS, None]}), "description": "with `decision=true`, by row"}
_POLICY: Final[Schema] = {**TEXT, "description": "with `decision=true`: the policy of the decision"}
_BY_ROW: Final[dict[str, Schema]] = {
    "base": _BASE,
    "reasons": _REASONS_BY_ROW,
    "faults": _FAULTS,
    "warnings": _WARNINGS,
    "decisions": _DECISIONS,
    "policy": _POLICY,
}
_PROBABILITIES: Final = array({**PROBABILITY, "type": ["number", "null"]})


def _noted(name: str, probability: Schema, **notes: Schema) -> Schema:
    """An answer with its optional notes."""
    return {**some_members([name], **{name: probability}, **notes), "additionalProperties": False}


SINGLE_ANSWER: Final = {
    JSON: _noted(
        "probability",
        PROBABILITY,
        base=_BASE,
        reasons=_REASONS,
        warnings=_WARNINGS,
        decision=_DECISION,
        policy=_POLICY,
    )
}
BATCH_ANSWER: Final = {
    JSON: _noted("probabilities", _PROBABILITIES, **_BY_ROW),
    ARROW_STREAM: {
        **BINARY,
        "description": f"one float32 column `{OUTPUT}`, when Accept asks for it; text columns `fault`, `warning`, "
        "`decision` and `policy` where these are asked for, and for reasons the columns `base` (double) and `reasons`: "
        "lists of "
        "`field`, `value`, `effect` and `text`",
    },
}
INVOCATION_ANSWER: Final = {JSON: _noted("predictions", _PROBABILITIES, **_BY_ROW)}


OUTCOME_LABELS: Final = closed_object(
    labels=array(
        closed_object(
            application_id={**TEXT, "minLength": 1, "maxLength": ID_CHARACTERS},
            outcome={
                "enum": list(OUTCOMES),
                "description": "whether the couple divorced; `withdrawn` takes back an earlier outcome. An officer's "
                "suspicion is a decision, not an outcome",
            },
            date={
                **TEXT,
                "format": "date",
                "description": "date of the divorce, of the day on which the couple was seen married, or of the "
                "withdrawal",
            },
            source={**TEXT, "minLength": 1, "maxLength": SOURCE_CHARACTERS, "description": "source of the outcome"},
        ),
        minItems=1,
        maxItems=10_000,
    )
)


def components() -> dict[str, Schema]:
    """The schemas that the paths refer to."""
    row = {"instance": {"type": "integer", "minimum": 0}, "field": TEXT, "message": TEXT}
    faults = {
        **array(_ROW_FAULT),
        "description": f"all rows at fault, or the first {MAX_NAMED_FAULTS}; of labels all faults",
    }
    error = some_members(["code", "message"], code=TEXT, faults=faults, **row)
    return {
        "Instance": _instance(),
        "Reason": {
            **closed_object(
                field={"enum": list(FEATURE_NAMES)},
                value={"type": ["number", "null"]},
                effect={"type": "number"},
                text=TEXT,
            ),
            "description": "one feature's value, null where it was missing, and its effect on the log-odds: the "
            "model's use of it given the other values, not a cause",
        },
        "RowFault": {**some_members(["instance", "message"], **row), "additionalProperties": False},
        "Error": closed_object(error={**error, "additionalProperties": False}, request_id=TEXT),
        "InferenceError": {**some_members(["error"], error=TEXT, faults=faults), "additionalProperties": False},
        "MlflowError": {
            **some_members(["error_code", "message"], error_code=TEXT, message=TEXT, faults=faults),
            "additionalProperties": False,
        },
    }


def _instance() -> Schema:
    properties: Schema = {
        feature.name: {**_value(feature), "description": f"{feature.meaning} ({feature.unit})"} for feature in FEATURES
    }
    for name, meaning in _MEANING_OF_LABELS.items():
        properties[name] = {**LABEL, "description": meaning}
    return {
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED_NAMES),
        "additionalProperties": False,
    }
