"""What a request asks to be told beside its probabilities, and how each protocol tells it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.answer import Answer
from serve.api.inference_v2.routes import infer_route
from serve.api.mlflow_scoring import invocations_route
from serve.api.native import contract_routes
from serve.decoding import DecodedRows
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.row_scanner import RowScanner
from serve.errors import InvalidInstance, MalformedHeader
from serve.idempotency.key import IdempotencyKey
from serve.scoring.asks import NO_ASKS, Asks, asks_of, call_on_record, policy_on_record
from serve.scoring.call import ScoringRoute
from serve.scoring.notes import NO_NOTES, Decided, Notes
from serve.scoring.options import options_of
from tests.compiled_code import COMPILED_DIR

MAX_ROWS = 50
GOOD = dict(EXAMPLE_INSTANCE)
BAD = {**GOOD, "ID_Days": -7}
ODD = {**GOOD, "Age_Days": 95}
ROWS = [GOOD, BAD, ODD, {**BAD, "Age_Days": -7}]


@pytest.fixture(scope="module")
def routes() -> dict[str, ScoringRoute]:
    scanner = RowScanner(COMPILED_DIR)
    found = [*contract_routes(scanner, MAX_ROWS), invocations_route(MAX_ROWS), infer_route("m", MAX_ROWS)]
    return {route.path: route for route in found}


class _Manifest:
    model_name = "m"
    model_version = 3


def ask(
    route: ScoringRoute, body: Any, query: str, decided: Decided | None = None, **headers: str
) -> tuple[DecodedRows, Answer]:
    options = options_of(route, headers, "tester", query)
    rows, write = options.read(json.dumps(body).encode(), _Manifest)  # type: ignore[arg-type]
    scored = np.linspace(0.25, 0.5, len(rows.matrix), dtype=np.float32)
    return rows, write(scored, _Manifest, NO_NOTES if decided is None else Notes(decided=decided))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "headers", "asks"),
    [
        ("", {}, NO_ASKS),
        ("a=b", {"accept": "*/*"}, NO_ASKS),
        ("errors=refuse&warnings=false", {}, NO_ASKS),
        ("errors=report", {}, Asks(report=True)),
        ("x=1&errors=report&warnings=true", {}, Asks(report=True, warnings=True)),
        ("", {"x-errors": " Report ", "x-warnings": "1"}, Asks(report=True, warnings=True)),
        ("errors=refuse", {"x-errors": "report"}, NO_ASKS),
        ("decision=true", {}, Asks(decision=True)),
        ("", {"x-decision": "1"}, Asks(decision=True)),
        ("decision=false", {"x-decision": "true"}, NO_ASKS),
    ],
)
def test_query_and_headers_ask_for_the_same(query: str, headers: dict[str, str], asks: Asks) -> None:
    assert asks_of(query, headers) == asks


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("errors=ignore", {}),
        ("errors=", {}),
        ("warnings=yes", {}),
        ("decision=review", {}),
        ("", {"x-decision": "yes"}),
        ("", {"x-errors": "null"}),
        ("errors=report", {"x-errors": "!?"}),
        ("errors=!?&errors=report", {}),
    ],
)
def test_an_unknown_answer_is_refused(query: str, headers: dict[str, str]) -> None:
    with pytest.raises(MalformedHeader, match="expected one of"):
        asks_of(query, headers)


def test_a_request_with_other_asks_is_another_request_under_its_key() -> None:
    key = IdempotencyKey("c", "/batch_predict", "k")
    digests = {
        key.request_digest("application/json" + asks.text, "", b"{}")
        for asks in (
            *(NO_ASKS, Asks(report=True), Asks(warnings=True), Asks(report=True, warnings=True)),
            *(Asks(decision=True), Asks(report=True, decision=True)),
        )
    }
    assert len(digests) == 6
    assert NO_ASKS.text == "", "answers that were kept before are found again"


def test_without_asking_all_is_refused(routes: dict[str, ScoringRoute]) -> None:
    with pytest.raises(InvalidInstance) as caught:
        ask(routes["/batch_predict"], {"instances": ROWS}, "")
    assert [fault.instance for fault in caught.value.faults] == [1, 3]


@pytest.mark.parametrize("query", ["errors=report", "errors=report&warnings=true"])
def test_good_rows_are_answered_and_faulty_ones_are_null_with_their_reasons(
    routes: dict[str, ScoringRoute], query: str
) -> None:
    rows, answer = ask(routes["/batch_predict"], {"instances": ROWS}, query)
    told = json.loads(answer.content)
    assert told["probabilities"] == [0.25, None, 0.5, None]
    assert [(fault["instance"], fault["field"]) for fault in told["faults"]] == [(1, "ID_Days"), (3, "Age_Days")]
    assert told["faults"][0]["message"].startswith("ID_Days is -7: expected")
    assert rows.matrix.shape == (2, len(FEATURE_NAMES)), "only good rows are scored, and on record"
    if "warnings" in query:
        assert [(one["instance"], one["field"]) for one in told["warnings"]] == [(2, "Age_Days")]
    else:
        assert "warnings" not in told


def test_a_report_of_good_rows_has_no_fault(routes: dict[str, ScoringRoute]) -> None:
    _, answer = ask(routes["/batch_predict"], {"instances": [GOOD, GOOD]}, "errors=report&warnings=true")
    assert json.loads(answer.content) == {"probabilities": [0.25, 0.5], "faults": [], "warnings": []}


@pytest.mark.parametrize("path", ["/batch_predict", "/invocations"])
def test_a_batch_without_a_valid_row_is_not_scored(routes: dict[str, ScoringRoute], path: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        ask(routes[path], {"instances": [BAD, BAD]}, "errors=report")
    assert len(caught.value.faults) == 2


def test_one_application_is_warned_of_and_never_reported(routes: dict[str, ScoringRoute]) -> None:
    _, answer = ask(routes["/predict"], ODD, "warnings=true&errors=report")
    told = json.loads(answer.content)
    assert set(told) == {"probability", "warnings"}
    assert told["warnings"][0]["message"] == "Age_Days is 95 days: implausible, usual are 5840 to 40200"
    with pytest.raises(InvalidInstance):
        ask(routes["/predict"], BAD, "errors=report")


def test_an_arrow_answer_tells_in_columns(routes: dict[str, ScoringRoute]) -> None:
    query = "errors=report&warnings=true"
    _, answer = ask(routes["/batch_predict"], {"instances": ROWS}, query, accept=ARROW_STREAM)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column("probability").to_pylist() == [0.25, None, 0.5, None]
    assert [text is None for text in table.column("fault").to_pylist()] == [True, False, True, False]
    assert [text is None for text in table.column("warning").to_pylist()] == [True, True, False, True]


def test_mlflow_is_told_without_data(routes: dict[str, ScoringRoute]) -> None:
    _, answer = ask(routes["/invocations"], {"dataframe_records": ROWS}, "", None, **{"x-errors": "report"})
    told = json.loads(answer.content)
    assert told["predictions"] == [0.25, None, 0.5, None]
    assert [(fault["instance"], fault["field"]) for fault in told["faults"]] == [(1, "ID_Days"), (3, "Age_Days")]
    assert "-7" not in answer.content.decode()


@pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])
def test_the_inference_protocol_is_told_in_tensors(routes: dict[str, ScoringRoute], binary: bool) -> None:
    data = [[row[name] for name in FEATURE_NAMES] for row in ROWS]
    body = {
        "inputs": [{"name": "features", "shape": [4, len(FEATURE_NAMES)], "datatype": "FP64", "data": data}],
        "parameters": {"binary_data_output": binary},
    }
    _, answer = ask(routes["/v2/models/m/infer"], body, "errors=report&warnings=true")
    length = int(answer.headers.get("Inference-Header-Content-Length", len(answer.content)))
    outputs = json.loads(answer.content[:length])["outputs"]
    assert [(one["name"], one["datatype"], one["shape"]) for one in outputs] == [
        ("probability", "FP32", [4]),
        ("fault", "BYTES", [4]),
        ("warning", "BYTES", [4]),
    ]
    if binary:
        sizes = [one["parameters"]["binary_data_size"] for one in outputs]
        assert sum(sizes) == len(answer.content) - length
        numbers = np.frombuffer(answer.content[length : length + sizes[0]], "<f4")
        np.testing.assert_array_equal(numbers, np.array([0.25, np.nan, 0.5, np.nan], np.float32))
        assert b'input "features", row 1: ID_Days is -7' in answer.content[length:]
    else:
        assert outputs[0]["data"] == [0.25, None, 0.5, None]
        assert [bool(text) for text in outputs[1]["data"]] == [False, True, False, True]
        assert [bool(text) for text in outputs[2]["data"]] == [False, False, True, False]


def test_the_record_names_what_was_left_out(routes: dict[str, ScoringRoute]) -> None:
    rows, _ = ask(routes["/batch_predict"], {"instances": ROWS}, "errors=report")
    assert call_on_record("/batch_predict", rows) == "/batch_predict?errors=report&rows=4&faulty=2&at=1,3"
    rows, _ = ask(routes["/batch_predict"], {"instances": [GOOD]}, "errors=report")
    assert call_on_record("/batch_predict", rows) == "/batch_predict"


def test_the_record_names_the_policy(routes: dict[str, ScoringRoute]) -> None:
    rows, _ = ask(routes["/batch_predict"], {"instances": ROWS}, "errors=report")
    told = call_on_record("/batch_predict", rows, "3-0f")
    assert told == "/batch_predict?errors=report&rows=4&faulty=2&at=1,3&policy=3-0f"
    rows, _ = ask(routes["/predict"], GOOD, "")
    assert call_on_record("/predict", rows, "3-0f") == "/predict?policy=3-0f"
    assert [policy_on_record(call) for call in (told, "/predict?policy=3-0f", "/predict")] == ["3-0f", "3-0f", None]


DECIDED = Decided("3-0f", np.array([True, False]))


def test_decisions_stand_beside_probabilities_and_a_row_at_fault_has_none(routes: dict[str, ScoringRoute]) -> None:
    _, answer = ask(routes["/batch_predict"], {"instances": ROWS}, "errors=report&decision=true", DECIDED)
    told = json.loads(answer.content)
    assert (told["decisions"], told["policy"]) == (["review", None, "pass", None], "3-0f")
    _, answer = ask(routes["/invocations"], {"instances": [GOOD, GOOD]}, "decision=true", DECIDED)
    assert json.loads(answer.content) == {
        "predictions": [0.25, 0.5],
        "decisions": ["review", "pass"],
        "policy": "3-0f",
    }
    _, answer = ask(routes["/predict"], GOOD, "decision=true", Decided("3-0f", np.array([False])))
    assert json.loads(answer.content) == {"probability": 0.25, "decision": "pass", "policy": "3-0f"}


def test_decisions_are_columns_in_arrow_and_tensors_in_the_inference_protocol(
    routes: dict[str, ScoringRoute],
) -> None:
    query = "errors=report&decision=true"
    _, answer = ask(routes["/batch_predict"], {"instances": ROWS}, query, DECIDED, accept=ARROW_STREAM)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table["decision"].to_pylist() == ["review", None, "pass", None]
    assert table["policy"].to_pylist() == ["3-0f", None, "3-0f", None]
    data = [[row[name] for name in FEATURE_NAMES] for row in (GOOD, ODD)]
    body = {"inputs": [{"name": "features", "shape": [2, len(FEATURE_NAMES)], "datatype": "FP64", "data": data}]}
    _, answer = ask(routes["/v2/models/m/infer"], body, "decision=true", DECIDED)
    outputs = {one["name"]: one["data"] for one in json.loads(answer.content)["outputs"]}
    assert (outputs["decision"], outputs["policy"]) == (["review", "pass"], ["3-0f", "3-0f"])


def test_large_answers_are_compressed_for_who_reads_that(routes: dict[str, ScoringRoute]) -> None:
    route = contract_routes(RowScanner(COMPILED_DIR), 100_000)[1]
    rows = np.random.default_rng(1).random(30_000, dtype=np.float32)
    options = options_of(route, {"accept-encoding": "gzip, deflate, br, zstd"}, "tester")
    _, write = options.read(json.dumps({"instances": [GOOD]}).encode(), _Manifest)  # type: ignore[arg-type]
    large, small = write(rows, _Manifest), write(rows[:1000], _Manifest)  # type: ignore[arg-type]
    assert large.headers == {"Content-Encoding": "zstd"}
    assert len(large.content) < 0.6 * 12 * len(rows)
    assert not small.headers
