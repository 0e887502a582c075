"""A name that is there twice in a JSON object is refused, in every form and however it is spelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding import DecodedRows, decode_batch, decode_instance, duplicate_names
from serve.decoding.duplicate_names import refuse_duplicate_names
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.row_objects import decode_lines
from serve.decoding.row_scanner import RowScanner
from serve.errors import BodyTooLarge, DuplicateName, MalformedBody

MAX_ROWS = 50
Decode = Callable[[bytes], DecodedRows]

NAMED = {**EXAMPLE_INSTANCE, "application_id": "A:1", "applicant_ref": "p"}
ROWS = [EXAMPLE_INSTANCE, NAMED, {**NAMED, "application_id": None, "applicant_ref": "Ä: é"}]
PLAIN = [EXAMPLE_INSTANCE] * 2
COLUMNS = {name: [value] for name, value in NAMED.items()}
VALUES = list(EXAMPLE_INSTANCE.values())
SPLIT = {"columns": list(FEATURE_NAMES), "data": [VALUES]}
TENSOR = {"name": "features", "shape": [1, 10], "datatype": "FP32", "data": VALUES}
IDS = {"name": "application_id", "shape": [1], "datatype": "BYTES", "data": ["A:1"]}
INPUTS = [{"name": name, "shape": [1], "datatype": "FP64", "data": [v]} for name, v in EXAMPLE_INSTANCE.items()]


def inference(body: bytes) -> DecodedRows:
    return decode_request(body, None, MAX_ROWS)[1]


def inference_with_bytes(body: bytes) -> DecodedRows:
    """The JSON in front of an id that holds as many colons as a member more."""
    text = body.replace(b'"data": ["A:1"]', b'"parameters": {"binary_data_size": 7}')
    return decode_request(text + b"\3\0\0\0A:1", str(len(text)), MAX_ROWS)[1]


def batch(body: bytes) -> DecodedRows:
    return decode_batch(body, MAX_ROWS)


def lines(body: bytes) -> DecodedRows:
    return decode_lines(b"\n".join(json.dumps(row).encode() for row in ROWS[:2]) + b"\n" + body, MAX_ROWS)


def invocation(body: bytes) -> DecodedRows:
    return decode_invocation(body, MAX_ROWS)


SCANNER = RowScanner(None)
FORMS: dict[str, tuple[Decode, Any]] = {
    "instance": (decode_instance, EXAMPLE_INSTANCE),
    "instance with labels": (decode_instance, ROWS[2]),
    "instance, scanned": (SCANNER.decode_instance, EXAMPLE_INSTANCE),
    "row objects": (batch, {"instances": ROWS}),
    "row objects, scanned": (lambda body: SCANNER.decode_batch(body, MAX_ROWS), {"instances": PLAIN}),
    "row arrays": (batch, SPLIT),
    "columns": (batch, {"columns": COLUMNS}),
    "columns without an id": (batch, {"columns": {**COLUMNS, "application_id": None}}),
    "lines": (lines, ROWS[1]),
    "dataframe_split": (invocation, {"dataframe_split": SPLIT}),
    "dataframe_split with an index": (invocation, {"dataframe_split": {**SPLIT, "index": ["10:30"]}}),
    "dataframe_records": (invocation, {"dataframe_records": ROWS}),
    "inputs: objects": (invocation, {"inputs": ROWS}),
    "inputs: an object": (invocation, {"inputs": NAMED}),
    "inputs: columns": (invocation, {"inputs": COLUMNS, "params": {"threshold": 0.5}}),
    "instances: arrays": (invocation, {"instances": [VALUES], "signature_name": "a"}),
    "tensor": (inference, {"id": "a:b", "inputs": [TENSOR, IDS], "parameters": {"priority": 1}}),
    "tensors": (inference, {"inputs": INPUTS, "outputs": [{"name": "probability", "parameters": {"a": {}}}]}),
    "tensor and bytes": (inference_with_bytes, {"inputs": [IDS, TENSOR]}),
}


def names_in(document: Any) -> set[str]:
    match document:
        case dict():
            return set(document).union(*map(names_in, document.values()))
        case list():
            return set().union(*map(names_in, document))
    return set()


CASES = [
    pytest.param(decode, document, name, id=f"{form}: {name}")
    for form, (decode, document) in FORMS.items()
    for name in sorted(names_in(document))
]


@pytest.mark.parametrize(("decode", "document"), FORMS.values(), ids=list(FORMS))
def test_every_form_is_read(decode: Decode, document: Any) -> None:
    assert len(decode(json.dumps(document).encode()).matrix) >= 1
    assert len(decode(json.dumps(document, ensure_ascii=False).encode()).matrix) >= 1


@pytest.mark.parametrize(("decode", "document", "name"), CASES)
@pytest.mark.parametrize("escape", ["", "\\u%04x", "\\u%04X"], ids=["as it is", "escaped", "escaped in capitals"])
def test_a_name_that_is_there_twice_is_refused_by_name(decode: Decode, document: Any, name: str, escape: str) -> None:
    text = json.dumps(document)
    at = text.rindex(f'"{name}": ')
    value, _ = json.JSONDecoder().raw_decode(text[at + len(name) + 4 :])
    spelled = escape % ord(name[0]) + name[1:] if escape else name
    spoilt = f'{text[:at]}"{spelled}":{json.dumps(value)}, {text[at:]}'
    with pytest.raises(DuplicateName, match=f"^{name} appears 2 times in one object") as caught:
        decode(spoilt.encode())
    assert (caught.value.status, caught.value.field) == (422, name)


def test_an_escaped_colon_balances_nothing() -> None:
    """A label with a colon that the text does not show, and a member more."""
    text = json.dumps({"instances": [{**EXAMPLE_INSTANCE, "application_id": "A:1"}]}).replace("A:1", "A\\u003a1")
    assert decode_batch(text.encode(), MAX_ROWS).application_ids == ["A:1"]
    with pytest.raises(DuplicateName):
        decode_batch(text.replace('"Age_Days"', '"Age_Days": 1, "Age_Days"').encode(), MAX_ROWS)


@pytest.mark.parametrize(
    ("ignored", "field"),
    [
        pytest.param('{"a": 1, "b": [{"c": 1, "c": 1}]}', "c", id="deep"),
        pytest.param('{"a": 1, "\\u0061": 2}', "a", id="escaped"),
        pytest.param(f'{{"a": {"9" * 5000}, "a": 1}}', "a", id="a long number"),
    ],
)
@pytest.mark.parametrize("decode", [invocation, inference], ids=["MLflow", "v2"])
def test_duplicates_are_found_in_ignored_members_too(decode: Decode, ignored: str, field: str) -> None:
    member, document = ("params", {"inputs": ROWS}) if decode is invocation else ("parameters", {"inputs": [TENSOR]})
    with pytest.raises(DuplicateName) as caught:
        decode(json.dumps(document)[:-1].encode() + f', "{member}": {ignored}}}'.encode())
    assert caught.value.field == field


def test_a_text_that_would_take_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_names, "EXACT_MAX_BYTES", 10)
    refuse_duplicate_names(b'{"a": [1, 2, 3, 4]}', 1)
    with pytest.raises(BodyTooLarge):
        refuse_duplicate_names(b'{"a": {"b": [1, 2, 3]}}', 1)


@pytest.mark.parametrize(
    "text", [b'{"a": ' + b"[" * 100_000, b'{"a": \xff}', b'{"a" : 1, }'], ids=lambda text: text[:9]
)
def test_invalid_json_in_an_undecoded_member_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBody):
        refuse_duplicate_names(text, 0)
