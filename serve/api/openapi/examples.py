"""A working example of every kind of body: a media type's `examples`, by name. A test posts each of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT, FEATURE_NAMES, FEATURES
from serve.api.inference_v2.messages import INPUT
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import CSV, JSON, LINES
from serve.decoding.rows import APPLICATION_ID

Bodies = Mapping[str, Mapping[str, Any]]
"""Content type -> name of an example -> the example."""

_INSTANCE: Final[dict[str, Any]] = dict(EXAMPLE_INSTANCE)
_NAMED_INSTANCE: Final[dict[str, Any]] = {**EXAMPLE_INSTANCE, APPLICATION_ID: "A-1702"}
_VALUES: Final = list(EXAMPLE_INSTANCE.values())
_COLUMNS: Final = {name: [value] for name, value in EXAMPLE_INSTANCE.items()}
_TABLE: Final = ",".join(FEATURE_NAMES) + "\n" + ",".join(map(str, _VALUES)) + "\n"
_OPTIONAL: Final = [feature.name for feature in FEATURES if feature.may_be_missing]
_WITHOUT: Final[dict[str, Any]] = (
    {"what may be missing": {"instances": [{**_INSTANCE, **dict.fromkeys(_OPTIONAL)}]}} if _OPTIONAL else {}
)
_LINE: Final = orjson.dumps(_INSTANCE).decode()

SINGLE: Final[Bodies] = MappingProxyType({JSON: {"an application": _INSTANCE, "with an id": _NAMED_INSTANCE}})

LABELS: Final[Bodies] = MappingProxyType(
    {
        JSON: {
            "outcomes": {
                "labels": [
                    {
                        "application_id": "A-1702",
                        "outcome": "divorce",
                        "date": "2026-03-01",
                        "source": "civil registry",
                    },
                    {
                        "application_id": "A-1703",
                        "outcome": "no_divorce",
                        "date": "2026-03-01",
                        "source": "civil registry",
                    },
                ]
            }
        }
    }
)
"""The withdrawals need the outcomes above."""

BATCH: Final[Bodies] = MappingProxyType(
    {
        JSON: {
            "row objects": {"instances": [_INSTANCE, _NAMED_INSTANCE]},
            "rows as arrays": {"columns": FEATURE_NAMES, "data": [_VALUES, _VALUES]},
            "columns": {"columns": _COLUMNS},
            "a frame, split": {"columns": FEATURE_NAMES, "index": [0], "data": [_VALUES]},
            "a frame's records": [_INSTANCE, _NAMED_INSTANCE],
            **_WITHOUT,
        },
        **{name: {"an object a line": f"{_LINE}\n{_LINE}\n"} for name in LINES},
        ARROW_STREAM: {},
        CSV: {"a table": _TABLE},
    }
)

INVOCATION: Final[Bodies] = MappingProxyType(
    {
        JSON: {
            "dataframe_split": {"dataframe_split": {"columns": FEATURE_NAMES, "data": [_VALUES]}},
            "dataframe_records": {"dataframe_records": [_INSTANCE]},
            "instances": {"instances": [_INSTANCE]},
            "inputs, rows": {"inputs": [_VALUES]},
            "inputs, columns": {"inputs": _COLUMNS},
            "inputs, one row": {"inputs": _INSTANCE},
        },
        CSV: {"a table": _TABLE},
    }
)

INFERENCE: Final[Bodies] = MappingProxyType(
    {
        JSON: {
            "one input": {
                "id": "42",
                "inputs": [{"name": INPUT, "shape": [1, FEATURE_COUNT], "datatype": "FP32", "data": [_VALUES]}],
            },
            "an input for each feature": {
                "inputs": [
                    {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
                    for name, value in EXAMPLE_INSTANCE.items()
                ],
            },
        }
    }
)
