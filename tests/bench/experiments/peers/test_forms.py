"""What is sent to ours is what was meant, in every form; the decoders are the server's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from bench.applications import random_rows
from bench.experiments.peers import forms
from bench.experiments.peers.forms import JSON_LENGTH_HEADER, Answer, Body, Form
from fraud.features import FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding.arrow_stream import decode_arrow

ROWS = random_rows(7, np.random.default_rng(3))


def by_v2(body: Body) -> NDArray[np.float32]:
    return decode_request(body.content, body.headers.get(JSON_LENGTH_HEADER), 100)[1].matrix


def by_json(body: Body) -> NDArray[np.float32]:
    instances = orjson.loads(body.content)["instances"]
    return np.array([[row[name] for name in FEATURE_NAMES] for row in instances], dtype=np.float32)


@pytest.mark.parametrize(
    ("form", "decode"),
    [
        pytest.param(forms.ROW_OBJECTS, by_json, id="row objects"),
        pytest.param(forms.V2_TENSOR, by_v2, id="v2: one tensor in JSON"),
        pytest.param(forms.V2_COLUMNS, by_v2, id="v2: a tensor a column"),
        pytest.param(forms.V2_BINARY, by_v2, id="v2: binary tensor behind the JSON"),
        pytest.param(forms.RAW_FLOATS, lambda body: np.frombuffer(body.content, "<f4").reshape(-1, 10), id="raw"),
        pytest.param(forms.ARROW_STREAM, lambda body: decode_arrow(body.content, 100).matrix, id="Arrow"),
    ],
)
def test_a_body_holds_the_rows(form: Form, decode: Callable[[Body], NDArray[np.float32]]) -> None:
    np.testing.assert_array_equal(decode(form.write(ROWS)), ROWS.astype(np.float32))


@pytest.mark.parametrize(
    ("form", "content", "headers", "expected"),
    [
        pytest.param(forms.SINGLE, b'{"probability":0.25}', {}, [0.25], id="single"),
        pytest.param(forms.ROW_OBJECTS, b'{"probabilities":[0.25,0.5]}', {}, [0.25, 0.5], id="row objects"),
        pytest.param(forms.V2_TENSOR, b'{"outputs":[{"data":[0.25,0.5]}]}', {}, [0.25, 0.5], id="v2 JSON"),
        pytest.param(
            forms.V2_BINARY,
            b"{}" + np.array([0.25, 0.5], "<f4").tobytes(),
            {"inference-header-content-length": "2"},
            [0.25, 0.5],
            id="v2 binary",
        ),
        pytest.param(forms.RAW_FLOATS, np.array([0.25, 0.5], "<f4").tobytes(), {}, [0.25, 0.5], id="raw"),
        pytest.param(forms.MLFLOW_INPUTS, b'{"predictions":[0.25,0.5]}', {}, [0.25, 0.5], id="MLflow"),
        pytest.param(forms.BENTOML_DATA, b"[0.25,0.5]", {}, [0.25, 0.5], id="BentoML"),
    ],
)
def test_probabilities_are_found_in_an_answer(
    form: Form, content: bytes, headers: dict[str, str], expected: list[float]
) -> None:
    assert form.read(Answer(content, headers)).tolist() == expected
