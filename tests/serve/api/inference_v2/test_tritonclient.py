"""NVIDIA's own client speaks the Open Inference Protocol with the running server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.http.auth import BasicAuth
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from tests.live_stack import API_KEY, LOGIN, LiveStack, wait_until
from tests.serve.batch_forms import EXAMPLE_ROWS, row_objects

MODEL = "divorce-model"
# Enough rows for an answer that is worth compressing.
MATRIX = np.tile(np.array([[row[name] for name in FEATURE_NAMES] for row in EXAMPLE_ROWS], dtype=np.float32), (50, 1))


@pytest.fixture(scope="module")
def client(stack: LiveStack) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(stack.url.removeprefix("http://"), network_timeout=30)
    client.register_plugin(BasicAuth("key", API_KEY))
    yield client
    client.close()


@pytest.fixture(scope="module")
def version(stack: LiveStack) -> str:
    return str(httpx.get(stack.url + "/model-info", headers=LOGIN).json()["model_version"])


@pytest.fixture(scope="module")
def expected(stack: LiveStack) -> NDArray[np.float32]:
    """What the contract's call answers for the same rows."""
    answer = httpx.post(stack.url + "/batch_predict", content=row_objects(EXAMPLE_ROWS), headers=LOGIN)
    return np.tile(np.array(answer.json()["probabilities"], dtype=np.float32), 50)


def features(datatype: str = "FP32", binary: bool = True) -> list[InferInput]:
    tensor = InferInput("features", list(MATRIX.shape), datatype)
    return [tensor.set_data_from_numpy(MATRIX.astype(triton_to_np_dtype(datatype)), binary_data=binary)]


def by_feature(binary: bool, *width: int) -> list[InferInput]:
    columns = ((name, MATRIX[:, position]) for position, name in enumerate(FEATURE_NAMES))
    shape = [len(MATRIX), *width]
    return [
        InferInput(name, shape, "FP32").set_data_from_numpy(values.reshape(shape), binary_data=binary)
        for name, values in columns
    ]


def test_the_server_and_its_model_introduce_themselves(client: InferenceServerClient, version: str) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    extensions = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]
    assert client.get_server_metadata()["extensions"] == extensions
    for named in ("", version):
        assert client.is_model_ready(MODEL, named)
        assert client.get_model_metadata(MODEL, named)["versions"] == [version]
        config = client.get_model_config(MODEL, named)
        assert (config["name"], config["max_batch_size"]) == (MODEL, 0)
        assert config["input"] == [{"name": "features", "data_type": "TYPE_FP32", "dims": [-1, 10]}]


@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "JSON in"])
@pytest.mark.parametrize("binary_out", [True, False, None], ids=["binary out", "JSON out", "no output named"])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_the_client_gets_the_contracts_answer(
    client: InferenceServerClient,
    expected: NDArray[np.float32],
    binary_in: bool,
    binary_out: bool | None,
    compression: Any,
) -> None:
    outputs = None if binary_out is None else [InferRequestedOutput("probability", binary_data=binary_out)]
    answer = client.infer(
        MODEL,
        features(binary=binary_in),
        outputs=outputs,
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    assert answer.as_numpy("probability").tobytes() == expected.tobytes()
    assert ("data" in answer.get_output("probability")) is (binary_out is False)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
@pytest.mark.parametrize("width", [(), (1,)], ids=["[N]", "[N, 1]"])
def test_ten_inputs_are_one(
    client: InferenceServerClient, expected: NDArray[np.float32], binary: bool, width: tuple[int, ...]
) -> None:
    answer = client.infer(MODEL, by_feature(binary, *width))
    assert answer.as_numpy("probability").tobytes() == expected.tobytes()


TYPES = {
    **dict.fromkeys(("FP64", "INT16", "INT32", "INT64", "UINT16", "UINT32", "UINT64"), MATRIX),
    **dict.fromkeys(("INT8", "UINT8", "FP16"), MATRIX % 120),
    "BOOL": MATRIX % 2 > 1,
}


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
@pytest.mark.parametrize("datatype", TYPES)
def test_other_types_are_read(client: InferenceServerClient, datatype: str, binary: bool) -> None:
    if datatype == "FP16" and not binary:
        pytest.skip("the client writes FP16 as bytes only")
    values = TYPES[datatype].astype(triton_to_np_dtype(datatype))
    tensor = InferInput("features", list(values.shape), datatype).set_data_from_numpy(values, binary_data=binary)
    same = InferInput("features", list(values.shape), "FP32").set_data_from_numpy(values.astype(np.float32))
    answer = client.infer(MODEL, [tensor]).as_numpy("probability")
    assert answer.tobytes() == client.infer(MODEL, [same]).as_numpy("probability").tobytes()


def test_the_repository_has_the_model_in_charge(client: InferenceServerClient, version: str) -> None:
    index = [{"name": MODEL, "version": version, "state": "READY", "reason": ""}]
    assert client.get_model_repository_index() == index


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 200),
        (b"{}", 200),
        (b'{"ready": true}', 200),
        (b'{"ready": null}', 200),
        (b"{", 400),
        (b'{"ready": 1}', 422),
        (b'{"model": "x"}', 422),
        (b'{"ready": true, "ready": false}', 422),
        (b" " * 5000, 413),
    ],
)
def test_the_repository_reads_what_triton_reads(stack: LiveStack, content: bytes, status: int) -> None:
    answer = httpx.post(stack.url + "/v2/repository/index", content=content, headers=LOGIN)
    assert answer.status_code == status, answer.text
    assert ("error" in answer.json()) is (status != 200)


def test_statistics_are_what_was_counted(client: InferenceServerClient, version: str) -> None:
    def statistics(**named: str) -> dict[str, Any]:
        (found,) = client.get_inference_statistics(**named)["model_stats"]
        assert (found["name"], found["version"]) == (MODEL, version)
        assert found.keys() == {"name", "version", "inference_count", "inference_stats"}
        return dict(found)

    before = statistics()
    client.infer(MODEL, features())
    with pytest.raises(InferenceServerException):
        client.infer(MODEL, by_feature(binary=True)[:9])

    def counted() -> bool:
        after = statistics(model_name=MODEL, model_version=version)
        success, fail = (
            {name: after["inference_stats"][kind][name] - before["inference_stats"][kind][name] for name in names}
            for kind, names in (("success", ("count", "ns")), ("fail", ("count",)))
        )
        rows = after["inference_count"] - before["inference_count"]
        return bool(rows >= len(MATRIX) and success["count"] >= 1 and success["ns"] > 0 and fail["count"] >= 1)

    wait_until(counted, 10, "what other workers have counted is written down")
    with pytest.raises(InferenceServerException, match="expected divorce-model"):
        client.get_inference_statistics("other")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"/v2/models/{MODEL}/infer", "POST"),
        ("/v2/repository/index", "POST"),
        ("/v2", "GET, HEAD"),
        (f"/v2/models/{MODEL}", "GET, HEAD"),
        ("/v2/models/stats", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_another_method_is_told_the_right_one(stack: LiveStack, path: str, allowed: str, method: str) -> None:
    if method in allowed:
        return
    answer = httpx.request(method, stack.url + path, headers=LOGIN)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["error"].startswith(f"{method} {path}: ")


def test_id_version_and_model_are_echoed(client: InferenceServerClient, version: str) -> None:
    answer = client.infer(MODEL, features(), model_version=version, request_id="my id").get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("my id", MODEL, version)
    assert "id" not in client.infer(MODEL, features()).get_response()


@pytest.mark.parametrize(
    ("model", "version", "message"),
    [("other", "", "expected divorce-model"), (MODEL, "999", "is not active: version "), (MODEL, "x", "is not active")],
)
def test_another_model_or_version_is_not_found(
    client: InferenceServerClient, model: str, version: str, message: str
) -> None:
    for call in (client.get_model_metadata, client.get_model_config, lambda m, v: client.infer(m, features(), v)):
        with pytest.raises(InferenceServerException, match=message) as caught:
            call(model, version)
        assert caught.value.status() == "404"
    assert not client.is_model_ready(model, version)


def test_a_bad_value_reaches_the_client_by_name(client: InferenceServerClient) -> None:
    matrix = MATRIX.copy()
    matrix[7, 3] = np.nan
    tensor = InferInput("features", list(matrix.shape), "FP32").set_data_from_numpy(matrix)
    with pytest.raises(InferenceServerException, match='input "features", row 7: Age_Days is null or NaN') as caught:
        client.infer(MODEL, [tensor])
    assert caught.value.status() == "422"


def test_an_inference_is_on_record_and_counted(stack: LiveStack, client: InferenceServerClient, version: str) -> None:
    request_id = uuid.uuid4().hex
    ids = InferInput("application_id", [len(MATRIX)], "BYTES")
    ids.set_data_from_numpy(np.array([f"A-{number}" for number in range(len(MATRIX))], dtype=np.object_))
    headers = {"X-Request-ID": request_id, "X-Load-Test": "true"}
    answer = client.infer(MODEL, [*features(), ids], model_version=version, headers=headers)

    def record() -> list[tuple[Any, ...]]:
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT endpoint, application_id, load_test, divorce_probability FROM prediction_logs"
                " WHERE request_id = %s ORDER BY row_number",
                (request_id,),
            )
            return cursor.fetchall()

    wait_until(lambda: len(record()) == len(MATRIX), 10, "the record arrives")
    endpoints, application_ids, load_test, probabilities = zip(*record(), strict=True)
    path = f"/v2/models/{MODEL}/infer"  # whichever version was named
    assert set(endpoints) == {path}
    assert list(application_ids) == [f"A-{number}" for number in range(len(MATRIX))]
    assert all(load_test)
    np.testing.assert_array_equal(np.array(probabilities, np.float32), answer.as_numpy("probability"))
    assert (
        f'scoring_requests_total{{endpoint="{path}",status="200"}}'
        in httpx.get(stack.url + "/metrics", headers=LOGIN).text
    )


@pytest.mark.parametrize("path", ["/v2/", "/v2/nowhere", "/v2/models", f"/v2/models/{MODEL}/", "/v2/repository"])
def test_other_addresses_are_not_found_and_never_redirected(stack: LiveStack, path: str) -> None:
    answer = httpx.get(stack.url + path, headers=LOGIN)
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Type": "application/json"}, 200, id="JSON"),
        pytest.param({"Content-Type": "application/octet-stream"}, 200, id="bytes"),
        pytest.param({"Content-Type": "text/csv"}, 415, id="CSV"),
        pytest.param({"Content-Encoding": "br"}, 415, id="brotli"),
        pytest.param({"Content-Encoding": "gzip"}, 400, id="gzip that is none"),
        pytest.param({"Inference-Header-Content-Length": "9999999"}, 400, id="a length beyond the body"),
    ],
)
def test_headers_are_taken_at_their_word(stack: LiveStack, headers: dict[str, str], status: int) -> None:
    tensor = {"name": "features", "shape": [1, 10], "datatype": "FP32", "data": MATRIX[0].tolist()}
    content = json.dumps({"inputs": [tensor]}).encode()
    answer = httpx.post(f"{stack.url}/v2/models/{MODEL}/infer", content=content, headers={**headers, **LOGIN})
    assert answer.status_code == status
    assert status == 200 or isinstance(answer.json()["error"], str)
    assert (
        answer.headers["X-Model-Version"] == httpx.get(stack.url + "/model-info", headers=LOGIN).json()["model_version"]
    )


@pytest.mark.parametrize("rows", [1, 2000])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_only_answers_that_are_worth_it_are_compressed(stack: LiveStack, encoding: str, rows: int) -> None:
    tensor = {"name": "features", "shape": [rows, 10], "datatype": "FP32", "data": MATRIX[:rows].tolist()}
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    headers = {"Accept-Encoding": encoding}
    answer = httpx.post(f"{stack.url}/v2/models/{MODEL}/infer", json=request, headers={**headers, **LOGIN})
    assert answer.headers.get("Content-Encoding") == (encoding if rows > 1 else None)
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert len(answer.content) == length + 4 * rows
    assert json.loads(answer.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 4 * rows}
