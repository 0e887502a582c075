"""MLflow's own scoring client and its habits, against the running server."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from tests.live_stack import API_KEY, LOGIN, LiveStack, wait_until
from tests.serve.batch_forms import EXAMPLE_ROWS, row_objects

if TYPE_CHECKING:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

FRAME = pd.DataFrame(EXAMPLE_ROWS)
MATRIX = FRAME[list(FEATURE_NAMES)].to_numpy()
SECRET = 987654321.125


@pytest.fixture(scope="module")
def client(stack: LiveStack) -> ScoringServerClient:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, _, port = stack.url.removeprefix("http://").partition(":")
    return ScoringServerClient(f"key:{API_KEY}@{host}", int(port))  # type: ignore[no-untyped-call]  # of mlflow, as those below


@pytest.fixture(scope="module")
def expected(stack: LiveStack) -> NDArray[np.float32]:
    answer = httpx.post(stack.url + "/batch_predict", content=row_objects(EXAMPLE_ROWS), headers=LOGIN)
    return np.array(answer.json()["probabilities"], dtype=np.float32)


def test_the_client_finds_the_server_ready(stack: LiveStack, client: ScoringServerClient) -> None:
    import mlflow

    client.wait_server_ready(timeout=5)  # type: ignore[no-untyped-call]
    client.ping()  # type: ignore[no-untyped-call]
    assert client.get_version() == mlflow.__version__  # type: ignore[no-untyped-call]
    assert httpx.get(stack.url + "/health").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(FRAME, id="a frame"),
        pytest.param(FRAME[FRAME.columns[::-1]], id="a frame with other order"),
        pytest.param(FRAME.set_index(FRAME.index + 7), id="a frame with an index"),
        pytest.param(MATRIX, id="a matrix"),
        pytest.param(MATRIX.tolist(), id="lists"),
        pytest.param(FRAME.to_dict("records"), id="records"),
        pytest.param(json.dumps({"inputs": FRAME.to_dict("list")}), id="columns"),
        pytest.param(
            json.dumps({"inputs": FRAME.to_dict("records"), "signature_name": "serving_default"}), id="signature"
        ),
        pytest.param(json.dumps({"instances": MATRIX.tolist()}), id="instances"),
        pytest.param(json.dumps({"dataframe_records": FRAME.to_dict("records")}), id="dataframe_records"),
    ],
)
@pytest.mark.parametrize("params", [None, {"threshold": 0.5}], ids=["", "with params"])
def test_the_client_gets_the_contracts_answer(
    client: ScoringServerClient, expected: NDArray[np.float32], data: Any, params: dict[str, float] | None
) -> None:
    predictions = client.invoke(data, params).get_predictions()
    assert np.array(predictions[0], dtype=np.float32).tobytes() == expected.tobytes()


def test_one_row_of_scalars_is_one_row(client: ScoringServerClient, expected: NDArray[np.float32]) -> None:
    predictions = client.invoke(json.dumps({"inputs": EXAMPLE_ROWS[7]})).get_predictions()
    assert np.array(predictions[0], dtype=np.float32).tobytes() == expected[7:8].tobytes()


def test_a_parquet_file_is_scored(stack: LiveStack, expected: NDArray[np.float32]) -> None:
    headers = {"Content-Type": "application/vnd.apache.parquet"}
    answer = httpx.post(stack.url + "/invocations", content=FRAME.to_parquet(), headers={**headers, **LOGIN})
    assert np.array(answer.json()["predictions"], dtype=np.float32).tobytes() == expected.tobytes()


REFUSED = [
    pytest.param("application/json", "{", 400, id="no JSON"),
    pytest.param("application/json", "[]", 400, id="a list"),
    pytest.param("application/json", "{}", 400, id="no form"),
    pytest.param("application/json", json.dumps({"inputs": [[1]], "instances": [[1]]}), 400, id="two forms"),
    pytest.param("application/json", json.dumps({"dataframe_split": {"columns": ["a"]}}), 400, id="no data"),
    pytest.param("application/json", json.dumps({"dataframe_records": {"a": 1}}), 400, id="records: an object"),
    pytest.param("application/json", json.dumps({"inputs": [{"Age_Days": 1}]}), 400, id="missing columns"),
    pytest.param("application/json", json.dumps({"inputs": {**EXAMPLE_INSTANCE, "ID_Days": "x"}}), 400, id="text"),
    pytest.param("text/csv", "Age_Days\n1", 400, id="CSV: missing columns"),
    pytest.param("application/vnd.apache.parquet", "PAR1", 400, id="Parquet that is none"),
    pytest.param("text/plain", "", 415, id="another type"),
]


@pytest.fixture(scope="module")
def mlflows_own(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """MLflow's own scoring server, of a model with our signature."""
    import mlflow.pyfunc
    from mlflow.models import infer_signature
    from mlflow.pyfunc.scoring_server import init

    class Constant(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]  # mlflow does not export its types
        def predict(self, context: Any, model_input: pd.DataFrame) -> list[float]:
            return [0.5] * len(model_input)

    path = tmp_path_factory.mktemp("mlflow") / "model"
    signature = infer_signature(FRAME[list(FEATURE_NAMES)].astype(float))
    mlflow.pyfunc.save_model(path, python_model=Constant(), signature=signature, pip_requirements=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")  # our client of the registry says that it is not
        return TestClient(init(mlflow.pyfunc.load_model(str(path))))


@pytest.mark.parametrize(("content_type", "content", "status"), REFUSED)
def test_a_refusal_has_mlflows_status(
    stack: LiveStack, mlflows_own: TestClient, content_type: str, content: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    theirs = mlflows_own.post("/invocations", content=content, headers=headers)
    ours = httpx.post(stack.url + "/invocations", content=content, headers={**headers, **LOGIN})
    assert (ours.status_code, theirs.status_code) == (status, status)
    assert ours.json()["error_code"] == "BAD_REQUEST"


def test_a_name_that_is_there_twice_is_refused_by_name(stack: LiveStack) -> None:
    content = json.dumps({"inputs": [EXAMPLE_INSTANCE]}).replace('"Age_Days"', '"\\u0041ge_Days": 1, "Age_Days"')
    answer = httpx.post(
        stack.url + "/invocations", content=content, headers={"Content-Type": "application/json", **LOGIN}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (422, "BAD_REQUEST")
    assert answer.json()["message"].startswith("Age_Days appears more than once")


def test_a_nan_of_the_client_is_refused_by_name(client: ScoringServerClient) -> None:
    frame = FRAME.copy()
    frame.loc[5, "Credit_Bureau"] = np.nan
    with pytest.raises(Exception, match=r"error code 400, .*Credit_Bureau of instance 5"):
        client.invoke(frame)


def test_a_table_is_scored_and_on_record(stack: LiveStack, expected: NDArray[np.float32]) -> None:
    request_id = uuid.uuid4().hex
    headers = {"Content-Type": "text/csv; charset=utf-8", "X-Request-ID": request_id}
    answer = httpx.post(stack.url + "/invocations", content=FRAME.to_csv(index=False), headers={**headers, **LOGIN})
    predictions = np.array(answer.json()["predictions"], dtype=np.float32)
    assert predictions.tobytes() == expected.tobytes()

    def record() -> list[tuple[Any, ...]]:
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT endpoint, divorce_probability FROM prediction_logs WHERE request_id = %s ORDER BY row_number",
                (request_id,),
            )
            return cursor.fetchall()

    wait_until(lambda: len(record()) == len(predictions), 10, "the record arrives")
    assert {row[0] for row in record()} == {"/invocations"}
    assert [np.float32(row[1]) for row in record()] == list(predictions)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        pytest.param("application/json", json.dumps({"inputs": [{**EXAMPLE_INSTANCE, "ID_Days": -SECRET}]}), id="JSON"),
        pytest.param("application/json", json.dumps({"inputs": [{**EXAMPLE_INSTANCE, str(SECRET): 1}]}), id="a name"),
        pytest.param(
            "application/json", json.dumps({"inputs": [{**EXAMPLE_INSTANCE, "ID_Days": f"{SECRET}"}]}), id="text"
        ),
        pytest.param("application/json", f'{{"inputs": {SECRET}', id="JSON that is cut off"),
        pytest.param("text/csv", FRAME.assign(ID_Days=f"x{SECRET}").to_csv(index=False), id="CSV"),
        pytest.param("text/csv", FRAME.assign(ID_Days=-SECRET).to_csv(index=False), id="CSV, negative"),
        pytest.param("text/csv", f"{SECRET},1\n2,3", id="CSV without a header"),
        pytest.param("text/csv", ",".join(FEATURE_NAMES) + f",{SECRET}\n" + "1," * 10 + "1", id="CSV, a column more"),
    ],
)
def test_an_error_is_mlflows_and_repeats_nothing(stack: LiveStack, content_type: str, content: str) -> None:
    answer = httpx.post(stack.url + "/invocations", content=content, headers={"Content-Type": content_type, **LOGIN})
    assert 400 <= answer.status_code < 500
    assert answer.json().keys() - {"faults"} == {"error_code", "message"}
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert "98765" not in answer.text
    assert "9.87654" not in answer.text
    assert answer.headers["X-Request-ID"]


def test_other_content_types_are_refused(stack: LiveStack) -> None:
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    answer = httpx.post(stack.url + "/invocations", content=b"PAR1", headers={**headers, **LOGIN})
    assert (answer.status_code, answer.json()["error_code"]) == (415, "BAD_REQUEST")
