"""Reasons that a request asks for: chosen, told in every form of answers, and kept for the record."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT, FEATURE_NAMES
from serve.answer import Answer
from serve.api.inference_v2.routes import infer_route
from serve.api.mlflow_scoring import invocations_route
from serve.api.native import contract_routes
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.row_scanner import RowScanner
from serve.errors import InvalidInstance, MalformedHeader, ReasonsUnavailable
from serve.idempotency.key import IdempotencyKey
from serve.scoring import reasons as reasons_module
from serve.scoring.asks import NO_ASKS, Asks, asks_of
from serve.scoring.call import ScoringRoute
from serve.scoring.notes import NO_NOTES, Notes
from serve.scoring.options import options_of
from serve.scoring.reasons import Reasons, explain, weightiest
from tests.compiled_code import COMPILED_DIR

GOOD = dict(EXAMPLE_INSTANCE)
MISSING = {**GOOD, "Credit_Bureau": None}
BAD = {**GOOD, "ID_Days": -7}
BASE = 0.125


class _Manifest:
    model_name = "m"
    model_version = 3


class Effects:
    """Stands in for a model: each feature has one effect on everybody, the eighth and the ninth the weightiest."""

    base = BASE
    of_a_row = np.array([0.0, 0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.31, -0.3, 0.2], np.float32)

    def effects(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(self.of_a_row, (len(matrix), 1))


@functools.cache
def routes() -> dict[str, ScoringRoute]:
    found = [*contract_routes(RowScanner(COMPILED_DIR), 50), invocations_route(50), infer_route("m", 50)]
    return {route.path: route for route in found}


def ask(path: str, body: Any, query: str = "", **headers: str) -> tuple[Reasons | None, Answer]:
    """As `Scoring` answers, without an engine and a record."""
    options = options_of(routes()[path], headers, "tester", query)
    rows, write = options.read(json.dumps(body).encode(), _Manifest)  # type: ignore[arg-type]
    scored = np.linspace(0.25, 0.5, len(rows.matrix), dtype=np.float32)
    found = explain(Effects(), 3, rows.matrix, rows.reasons) if rows.reasons else None  # type: ignore[arg-type]
    return found, write(scored, _Manifest, NO_NOTES if found is None else Notes(reasons=found))  # type: ignore[arg-type]


PHONE = {
    "field": "Phone_Change",
    "value": 365,
    "effect": 0.31,
    "text": "phone number changed 1 year ago: raises the score",
}
BUREAU = {
    "field": "Credit_Bureau",
    "value": 1,
    "effect": -0.3,
    "text": "enquiries at the credit bureau in the last year (1): lowers the score",
}
BLANK = {**BUREAU, "value": None, "text": "enquiries (not given): lowers the score"}


@pytest.mark.parametrize(
    ("query", "headers", "asks"),
    [
        ("reasons=1", {}, Asks(reasons=1)),
        (f"reasons={FEATURE_COUNT}", {}, Asks(reasons=FEATURE_COUNT)),
        ("", {"x-reasons": " 3 "}, Asks(reasons=3)),
        ("reasons=2", {"x-reasons": "3"}, Asks(reasons=2)),
        ("reasons=2&language=nl", {}, Asks(reasons=2, language="nl")),
        ("", {"x-reasons": "2", "x-language": "NL"}, Asks(reasons=2, language="nl")),
        ("language=nl", {}, NO_ASKS),
        ("reasons=2&errors=report&warnings=1", {}, Asks(report=True, warnings=True, reasons=2)),
    ],
)
def test_query_and_headers_ask_for_reasons(query: str, headers: dict[str, str], asks: Asks) -> None:
    assert asks_of(query, headers) == asks


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        *((f"reasons={count}", {}, "a number from 1 to 10") for count in ("0", "11", "-1", "1.0", "all", "", "true")),
        ("", {"x-reasons": "0"}, "a number from 1 to 10"),
        ("reasons=3&language=fr", {}, "one of en, nl"),
        ("reasons=3", {"x-language": ""}, "one of en, nl"),
    ],
)
def test_an_unknown_option_is_refused_with_the_known_ones(query: str, headers: dict[str, str], expected: str) -> None:
    with pytest.raises(MalformedHeader, match=expected):
        asks_of(query, headers)


def test_other_reasons_are_another_request_under_its_key() -> None:
    key = IdempotencyKey("c", "/predict", "k")
    asks = [NO_ASKS, Asks(reasons=1), Asks(reasons=2), Asks(reasons=2, language="nl"), Asks(reasons=2, warnings=True)]
    assert len({key.request_digest("application/json" + one.text, "", b"{}") for one in asks}) == len(asks)
    assert Asks(report=True).text == "?errors=True&warnings=False", "answers that were kept before are found again"


def test_one_application_is_told_its_reasons() -> None:
    found, answer = ask("/predict", GOOD, "reasons=2")
    assert json.loads(answer.content) == {"probability": 0.25, "base": BASE, "reasons": [PHONE, BUREAU]}
    assert found is not None
    np.testing.assert_array_equal(found.on_record(), np.array([[7, 0.31, 8, -0.3]], np.float32))


def test_a_missing_value_is_null_and_has_words() -> None:
    _, answer = ask("/predict", MISSING, "reasons=2")
    assert json.loads(answer.content)["reasons"] == [PHONE, BLANK]


@pytest.mark.parametrize("far", [2.0**53, 2.0**64, 2.4130546414985897e38])
def test_a_whole_number_beyond_64_bits_is_told_as_it_was_scored(far: float) -> None:
    """Of a number that JSON has no integer for, the request got 500."""
    _, answer = ask("/predict", {**GOOD, "Phone_Change": far}, "reasons=1")
    (reason,) = json.loads(answer.content)["reasons"]
    assert reason["value"] == np.float32(far)
    assert reason["text"].endswith("years ago: raises the score")


def test_the_words_are_in_the_language_that_is_asked_for() -> None:
    _, answer = ask("/predict", GOOD, "reasons=1", **{"x-language": "nl"})
    (reason,) = json.loads(answer.content)["reasons"]
    assert reason["text"] == "telefoonnummer 1 jaar geleden gewijzigd: verhoogt de score"


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/batch_predict", {"instances": [BAD, GOOD, BAD, MISSING, BAD]}, "probabilities"),
        ("/invocations", {"instances": [BAD, GOOD, BAD, MISSING, BAD]}, "predictions"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 1000])
def test_each_row_has_a_list_and_one_at_fault_null(
    path: str, body: Any, name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reasons_module, "PIECE_ROWS", piece)
    found, answer = ask(path, body, "reasons=2&errors=report&warnings=true")
    told = json.loads(answer.content)
    assert told[name] == [None, 0.25, None, 0.5, None]
    assert (told["base"], told["reasons"]) == (BASE, [None, [PHONE, BUREAU], None, [PHONE, BLANK], None])
    assert [fault["instance"] for fault in told["faults"]] == [0, 2, 4]
    assert found is not None
    assert found.on_record().shape == (2, 4), "the record has those of the good rows"


def test_an_arrow_answer_has_reasons_in_columns() -> None:
    body = {"instances": [GOOD, BAD, MISSING]}
    _, answer = ask("/batch_predict", body, "reasons=2&errors=report", accept=ARROW_STREAM)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column_names == ["probability", "base", "reasons", "fault"]
    assert table.column("base").to_pylist() == [BASE] * 3
    first, faulty, last = table.column("reasons").to_pylist()
    assert faulty is None
    assert [reason["text"] for reason in first + last] == [one["text"] for one in (PHONE, BUREAU, PHONE, BLANK)]
    assert [reason["value"] for reason in last] == [365.0, None]


def tensors(*rows: dict[str, Any], **members: Any) -> dict[str, Any]:
    data = [[row[name] for name in FEATURE_NAMES] for row in rows]
    shape = [len(rows), FEATURE_COUNT]
    return {"inputs": [{"name": "features", "shape": shape, "datatype": "FP64", "data": data}], **members}


def outputs_of(answer: Answer) -> tuple[list[dict[str, Any]], bytes]:
    length = int(answer.headers.get("Inference-Header-Content-Length", len(answer.content)))
    return json.loads(answer.content[:length])["outputs"], answer.content[length:]


@pytest.mark.parametrize("names", [["attributions"], ["probability", "attributions"], ["attributions", "probability"]])
@pytest.mark.parametrize("binary", [(), ("attributions",), ("attributions", "probability")])
def test_attributions_are_an_output_of_the_inference_protocol(names: list[str], binary: tuple[str, ...]) -> None:
    asked = [{"name": name, "parameters": {"binary_data": name in binary}} for name in names]
    body = tensors(GOOD, BAD, MISSING, outputs=asked)
    found, answer = ask("/v2/models/m/infer", body, "errors=report")
    outputs, behind = outputs_of(answer)
    assert [output["name"] for output in outputs] == [*names, "fault"]
    for output in outputs[:-1]:
        if output["name"] in binary:
            size = output["parameters"]["binary_data_size"]
            data, behind = np.frombuffer(behind[:size], "<f4"), behind[size:]
        else:
            data = np.array(output["data"], np.float32)
        given = data.reshape(output["shape"])
        if output["name"] == "attributions":
            expected = np.stack([Effects.of_a_row, np.full(FEATURE_COUNT, np.nan), Effects.of_a_row])
            np.testing.assert_array_equal(given, expected.astype(np.float32))
            assert (output["datatype"], output["parameters"]["base"]) == ("FP32", BASE)
        else:
            np.testing.assert_array_equal(given, np.array([0.25, np.nan, 0.5], np.float32))
    assert found is not None
    assert found.on_record().shape == (2, 2 * FEATURE_COUNT), "all of them are on record"


def test_attributions_come_only_to_who_asks_and_words_beside_them() -> None:
    outputs, _ = outputs_of(ask("/v2/models/m/infer", tensors(GOOD))[1])
    assert [output["name"] for output in outputs] == ["probability"]
    _, answer = ask("/v2/models/m/infer", tensors(GOOD, MISSING), **{"x-reasons": "2"})
    outputs, _ = outputs_of(answer)
    assert [output["name"] for output in outputs] == ["probability", "reason"]
    assert outputs[1]["data"] == [f"{PHONE['text']}; {one['text']}" for one in (BUREAU, BLANK)]


def test_an_output_that_is_asked_for_twice_is_refused() -> None:
    with pytest.raises(InvalidInstance, match="twice"):
        ask("/v2/models/m/infer", tensors(GOOD, outputs=[{"name": "attributions"}] * 2))


def test_the_weightiest_come_first_and_of_equal_ones_the_first() -> None:
    effects = np.array([[0.5, -0.5, 0.0, 0.7], [0.0, 0.0, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(weightiest(effects, 3), [[3, 0, 1], [0, 1, 2]])


def test_a_version_without_contributions_gives_no_reasons() -> None:
    with pytest.raises(ReasonsUnavailable, match="version 3 of the model has no reasons") as refused:
        explain(None, 3, np.zeros((1, FEATURE_COUNT), np.float32), 2)
    assert (refused.value.status, refused.value.code) == (422, "reasons_unavailable")
