"""`/batch_predict` over HTTP: every form, every compression, answers in JSON or Arrow, all on record."""

from __future__ import annotations

import gzip
import uuid
import zlib
from collections.abc import Callable

import httpx
import numpy as np
import pyarrow as pa
import pytest
import zstandard
from numpy.typing import NDArray

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON
from serve.prediction_log.pseudonym import Pseudonyms
from tests.live_stack import LiveStack, wait_until
from tests.serve.batch_forms import EXAMPLE_ROWS, FORMS

MAX_BODY_BYTES = 64 * 1024 * 1024
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}

every_form = pytest.mark.parametrize("form", FORMS)
every_encoding = pytest.mark.parametrize("encoding", COMPRESSORS)


@pytest.fixture(scope="module")
def expected(client: httpx.Client) -> NDArray[np.float32]:
    singles = [client.post("/predict", json=row).json()["probability"] for row in EXAMPLE_ROWS]
    assert len(set(singles)) > 1
    return np.array(singles, dtype=np.float32)


@every_form
@pytest.mark.parametrize("encoding", [None, *COMPRESSORS])
def test_every_form_is_answered_as_single_calls_are(
    client: httpx.Client, expected: NDArray[np.float32], form: str, encoding: str | None
) -> None:
    content_type, encode = FORMS[form]
    content, headers = encode(EXAMPLE_ROWS), {"Content-Type": content_type}
    if encoding is not None:
        content, headers = COMPRESSORS[encoding](content), {**headers, "Content-Encoding": encoding}
    answer = client.post("/batch_predict", content=content, headers=headers)
    assert answer.headers["Content-Type"] == JSON
    assert np.array(answer.json()["probabilities"], dtype=np.float32).tobytes() == expected.tobytes()


@every_form
@pytest.mark.parametrize("accept", [ARROW_STREAM, f"application/json;q=0.5, {ARROW_STREAM};q=0.9"])
def test_an_arrow_answer_is_given_to_who_asks(
    client: httpx.Client, expected: NDArray[np.float32], form: str, accept: str
) -> None:
    content_type, encode = FORMS[form]
    headers = {"Content-Type": content_type, "Accept": accept}
    answer = client.post("/batch_predict", content=encode(EXAMPLE_ROWS), headers=headers)
    assert answer.headers["Content-Type"] == ARROW_STREAM
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema == pa.schema([pa.field("probability", pa.float32(), nullable=False)])
    assert table.column("probability").to_numpy().tobytes() == expected.tobytes()


@every_form
def test_every_form_is_on_record(
    stack: LiveStack, client: httpx.Client, expected: NDArray[np.float32], form: str
) -> None:
    content_type, encode = FORMS[form]
    request_id = uuid.uuid4().hex
    rows = [
        {**row, "application_id": f"A-{number}", "applicant_ref": f"person {number}"}
        for number, row in enumerate(EXAMPLE_ROWS)
    ]
    client.post(
        "/batch_predict", content=encode(rows), headers={"Content-Type": content_type, "X-Request-ID": request_id}
    )

    def record() -> list[tuple[str, str, float]]:
        with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT endpoint, application_id, divorce_probability FROM prediction_logs"
                " WHERE request_id = %s ORDER BY row_number",
                (request_id,),
            )
            return cursor.fetchall()

    wait_until(lambda: len(record()) == len(rows), 10, "the record arrives")
    assert [row[:2] for row in record()] == [("/batch_predict", f"A-{number}") for number in range(len(rows))]
    assert [np.float32(row[2]) for row in record()] == list(expected)
    pseudonyms = Pseudonyms(stack.secrets["APPLICANT_REF_KEY"])
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT applicant_refs FROM prediction_requests WHERE request_id = %s", (request_id,))
        ((references,),) = cursor.fetchall()
    assert [bytes(ref) for ref in references] == [pseudonyms.of(f"person {number}") for number in range(len(rows))]


@every_encoding
@pytest.mark.parametrize("path", ["/predict", "/batch_predict", "/invocations", "/v2/models/divorce-model/infer"])
def test_a_bomb_is_refused_on_every_route(client: httpx.Client, encoding: str, path: str) -> None:
    bomb = COMPRESSORS[encoding](bytes(MAX_BODY_BYTES + 1))
    answer = client.post(path, content=bomb, headers={"Content-Type": JSON, "Content-Encoding": encoding})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        pytest.param({"Content-Encoding": "br"}, b"x", 415, "unsupported_encoding", id="brotli"),
        pytest.param({"Content-Encoding": "gzip"}, b"x", 400, "malformed_body", id="gzip that is none"),
        pytest.param({"Content-Encoding": "zstd"}, b"x", 400, "malformed_body", id="zstd that is none"),
        pytest.param({"Content-Type": "text/html"}, b"x", 415, "unsupported_media_type", id="HTML"),
        pytest.param({"Content-Type": ARROW_STREAM}, b"x", 400, "malformed_body", id="Arrow that is none"),
    ],
)
def test_headers_are_taken_at_their_word(
    client: httpx.Client, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    answer = client.post("/batch_predict", content=content, headers={"Content-Type": JSON, **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert status != 415 or "expected" in answer.json()["error"]["message"]


@pytest.mark.parametrize("rows", [1, 10_000], ids=["scored at once", "scored in a thread"])
def test_small_and_large_compressed_bodies_are_scored(client: httpx.Client, rows: int) -> None:
    content = gzip.compress(FORMS["row objects"][1]([EXAMPLE_INSTANCE] * rows))
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    assert len(client.post("/batch_predict", content=content, headers=headers).json()["probabilities"]) == rows
