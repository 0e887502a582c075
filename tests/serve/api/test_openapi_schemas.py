"""The schemas of bodies take what the decoders take, and refuse what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.api.openapi import describe
from serve.api.openapi.examples import BATCH, INFERENCE, INVOCATION, SINGLE, Bodies
from serve.decoding import decode_batch, decode_instance
from serve.decoding.by_content_type import JSON
from serve.decoding.mlflow_json import decode_invocation
from serve.errors import ServeError

MAX_ROWS = 50
DOCUMENT = describe(FastAPI())
INFER = "/v2/models/{name}/infer"
Decode = Callable[[bytes], Any]
CALLS: dict[str, tuple[Decode, Bodies]] = {
    "/predict": (decode_instance, SINGLE),
    "/batch_predict": (lambda body: decode_batch(body, MAX_ROWS), BATCH),
    "/invocations": (lambda body: decode_invocation(body, MAX_ROWS), INVOCATION),
    INFER: (lambda body: decode_request(body, None, MAX_ROWS), INFERENCE),
}

ROW = dict(EXAMPLE_INSTANCE)
VALUES = list(ROW.values())
NAMES = list(FEATURE_NAMES)
COLUMNS = {name: [value] for name, value in ROW.items()}
TENSOR = {"name": "features", "shape": [1, 10], "datatype": "FP32", "data": VALUES}


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


BAD_ROWS: dict[str, dict[str, Any]] = {
    "a feature less": without(ROW, "ID_Days"),
    "a feature more": {**ROW, "Shoe_Size": 43},
    "text": {**ROW, "ID_Days": "1"},
    "a bool": {**ROW, "ID_Days": True},
    "null": {**ROW, "ID_Days": None},
    "negative": {**ROW, "ID_Days": -1},
    "beyond float32": {**ROW, "ID_Days": float(2**128 - 2**103)},
    "an empty id": {**ROW, "application_id": ""},
    "a long id": {**ROW, "application_id": "x" * 65},
    "a line break": {**ROW, "applicant_ref": "a\nb"},
    "a number as id": {**ROW, "applicant_ref": 1},
}
BAD: list[tuple[str, str, Any]] = [
    *(("/predict", name, row) for name, row in BAD_ROWS.items()),
    *(("/batch_predict", name, {"instances": [row]}) for name, row in BAD_ROWS.items()),
    *(("/invocations", name, {"inputs": row}) for name, row in BAD_ROWS.items()),
    *(("/batch_predict", f"column: {n}", {"columns": {k: [v] for k, v in row.items()}}) for n, row in BAD_ROWS.items()),
    ("/batch_predict", "no rows", {"instances": []}),
    ("/batch_predict", "a member more", {"instances": [ROW], "threshold": 1}),
    ("/batch_predict", "an empty column", {"columns": {name: [] for name in NAMES}}),
    ("/batch_predict", "a name less", {"columns": NAMES[1:], "data": [VALUES[1:]]}),
    ("/batch_predict", "a name twice", {"columns": [*NAMES, NAMES[0]], "data": [[*VALUES, 1]]}),
    ("/batch_predict", "an unknown name", {"columns": [*NAMES, "x"], "data": [[*VALUES, 1]]}),
    ("/batch_predict", "a short row", {"columns": NAMES, "data": [VALUES[2:]]}),
    ("/batch_predict", "a negative value", {"columns": NAMES, "data": [[*VALUES[1:], -1]]}),
    ("/batch_predict", "no data", {"columns": NAMES}),
    ("/invocations", "no form", {"params": {}}),
    ("/invocations", "two forms", {"inputs": [ROW], "instances": [ROW]}),
    ("/invocations", "records as an object", {"dataframe_records": ROW}),
    ("/invocations", "a long row", {"inputs": [[*VALUES, "A"]]}),
    ("/invocations", "a member of the frame", {"dataframe_split": {"columns": NAMES, "data": [VALUES], "x": 1}}),
    (INFER, "no inputs", {"inputs": []}),
    (INFER, "a member more", {"inputs": [TENSOR], "x": 1}),
    (INFER, "a member of the input", {"inputs": [{**TENSOR, "x": 1}]}),
    (INFER, "an unknown input", {"inputs": [{**TENSOR, "name": "x"}]}),
    (INFER, "an unknown type", {"inputs": [{**TENSOR, "datatype": "BF16"}]}),
    (INFER, "no shape", {"inputs": [{**TENSOR, "shape": []}]}),
    (INFER, "no rows", {"inputs": [{**TENSOR, "shape": [0, 10], "data": []}]}),
    (INFER, "three dimensions", {"inputs": [{**TENSOR, "shape": [1, 1, 10]}]}),
    (INFER, "data as text", {"inputs": [{**TENSOR, "data": "1"}]}),
    (INFER, "two outputs", {"inputs": [TENSOR], "outputs": [{"name": "probability"}] * 2}),
    (INFER, "attributions twice", {"inputs": [TENSOR], "outputs": [{"name": "attributions"}] * 2}),
    (INFER, "another output", {"inputs": [TENSOR], "outputs": [{"name": "x"}]}),
    (INFER, "a number as id", {"inputs": [TENSOR], "id": 1}),
    (INFER, "a size as text", {"inputs": [{**TENSOR, "parameters": {"binary_data_size": "1"}}]}),
]
GOOD: list[tuple[str, str, Any]] = [
    ("/predict", "labels that are null", {**ROW, "application_id": None, "applicant_ref": None}),
    ("/predict", "the largest number", {**ROW, "Client_Income": 3.4028234663852886e38}),
    ("/batch_predict", "labels", {"columns": ["application_id", *NAMES], "data": [["Ä", *VALUES], [None, *VALUES]]}),
    ("/batch_predict", "a column of labels", {"columns": {**COLUMNS, "application_id": [None], "applicant_ref": None}}),
    ("/invocations", "an index", {"dataframe_split": {"columns": NAMES, "data": [VALUES], "index": [7]}}),
    ("/invocations", "what MLflow ignores", {"inputs": [VALUES], "params": {"a": 1}, "signature_name": "x"}),
    ("/invocations", "params that are null", {"instances": COLUMNS, "params": None}),
    (INFER, "nulls", {"inputs": [TENSOR], "id": None, "model_name": None, "outputs": None, "parameters": None}),
    (INFER, "attributions", {"inputs": [TENSOR], "outputs": [{"name": "attributions"}, {"name": "probability"}]}),
    (INFER, "nested", {"inputs": [{**TENSOR, "data": [VALUES]}], "parameters": {"priority": 1}}),
    (INFER, "texts", {"inputs": [TENSOR, {"name": "applicant_ref", "shape": [1], "datatype": "BYTES", "data": ["A"]}]}),
    *(
        (INFER, datatype, {"inputs": [{**TENSOR, "datatype": datatype, "data": [value] * 10}]})
        for datatype, value in (("BOOL", True), ("UINT8", 255), ("INT16", 7), ("FP16", 0.5), ("UINT64", 2**64 - 1))
    ),
]


def fits(path: str, body: Any) -> bool:
    schema = DOCUMENT["paths"][path]["post"]["requestBody"]["content"][JSON]["schema"]
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return bool(validator.is_valid(json.loads(json.dumps(body))))


def is_read(path: str, body: Any) -> bool:
    try:
        CALLS[path][0](json.dumps(body).encode())
    except ServeError:
        return False
    return True


@pytest.mark.parametrize(("path", "_name", "body"), BAD, ids=[f"{path} {name}" for path, name, _ in BAD])
def test_refused_bodies_do_not_fit_the_schema(path: str, _name: str, body: Any) -> None:
    assert not is_read(path, body)
    assert not fits(path, body)


EXAMPLES = [(path, name, body) for path, (_, bodies) in CALLS.items() for name, body in bodies[JSON].items()]


@pytest.mark.parametrize(
    ("path", "_name", "body"), GOOD + EXAMPLES, ids=[f"{path} {name}" for path, name, _ in GOOD + EXAMPLES]
)
def test_accepted_bodies_fit_the_schema(path: str, _name: str, body: Any) -> None:
    assert is_read(path, body)
    assert fits(path, body)


def test_the_schemas_are_schemas() -> None:
    for item in DOCUMENT["paths"].values():
        for content in item.get("post", {}).get("requestBody", {}).get("content", {}).values():
            Draft202012Validator.check_schema(content["schema"])
