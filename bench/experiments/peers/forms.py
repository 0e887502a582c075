"""How each protocol writes rows into a body and probabilities into an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from bench.applications import encode_instances, join_instances
from fraud.features import FEATURE_COUNT, FEATURE_NAMES

Rows = NDArray[np.float64]
"""Applications as a client has them, [N, 10]."""

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
ARROW: Final = "application/vnd.apache.arrow.stream"
JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: the bytes, and what the headers must say of them."""

    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the headers' names are in lower case."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """A protocol: rows -> body, and answer -> probabilities [N]."""

    write: Callable[[Rows], Body]
    read: Callable[[Answer], NDArray[np.float64]]


def _write_single(rows: Rows) -> Body:
    return Body(encode_instances(rows)[0])


def _write_objects(rows: Rows) -> Body:
    return Body(join_instances(encode_instances(rows)))


def _write_matrix(name: str) -> Callable[[Rows], Body]:
    return lambda rows: Body(orjson.dumps({name: rows.tolist()}))


def _write_v2_tensor(rows: Rows) -> Body:
    tensor = {"name": "features", "shape": rows.shape, "datatype": "FP32", "data": rows.ravel().tolist()}
    return Body(orjson.dumps({"inputs": [tensor]}))


def _write_v2_columns(rows: Rows) -> Body:
    """MLServer's codec for data frames: a tensor a column."""
    tensors = [
        {"name": name, "shape": [len(rows)], "datatype": "FP32", "data": column}
        for name, column in zip(FEATURE_NAMES, rows.T.tolist(), strict=True)
    ]
    return Body(orjson.dumps({"parameters": {"content_type": "pd"}, "inputs": tensors}))


def _write_v2_binary(rows: Rows) -> Body:
    binary = rows.astype("<f4").tobytes()
    tensor = {
        "name": "features",
        "shape": [len(rows), FEATURE_COUNT],
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(binary)},
    }
    text = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    headers = {"Content-Type": BINARY, JSON_LENGTH_HEADER: str(len(text))}
    return Body(text + binary, headers)


def _write_floats(rows: Rows) -> Body:
    return Body(rows.astype("<f4").tobytes(), {"Content-Type": BINARY})


def _write_arrow(rows: Rows) -> Body:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(list(np.ascontiguousarray(rows.T, dtype=np.float32)), names=list(FEATURE_NAMES))
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return Body(sink.getvalue().to_pybytes(), {"Content-Type": ARROW, "Accept": ARROW})


def _read_member(*path: str | int) -> Callable[[Answer], NDArray[np.float64]]:
    def read(answer: Answer) -> NDArray[np.float64]:
        found: Any = orjson.loads(answer.content)
        for step in path:
            found = found[step]
        return np.atleast_1d(np.array(found, dtype=np.float64))

    return read


def _read_list(answer: Answer) -> NDArray[np.float64]:
    return np.array(orjson.loads(answer.content), dtype=np.float64)


def _read_v2_binary(answer: Answer) -> NDArray[np.float64]:
    start = int(answer.headers[JSON_LENGTH_HEADER.lower()])
    return np.frombuffer(answer.content[start:], dtype="<f4").astype(np.float64)


def _read_floats(answer: Answer) -> NDArray[np.float64]:
    return np.frombuffer(answer.content, dtype="<f4").astype(np.float64)


def _read_arrow(answer: Answer) -> NDArray[np.float64]:
    column = pa.ipc.open_stream(answer.content).read_all()["probability"]
    return np.asarray(column.to_numpy(), dtype=np.float64)


SINGLE: Final = Form(_write_single, _read_member("probability"))
ROW_OBJECTS: Final = Form(_write_objects, _read_member("probabilities"))
V2_TENSOR: Final = Form(_write_v2_tensor, _read_member("outputs", 0, "data"))
V2_COLUMNS: Final = Form(_write_v2_columns, _read_member("outputs", 0, "data"))
V2_BINARY: Final = Form(_write_v2_binary, _read_v2_binary)
ARROW_STREAM: Final = Form(_write_arrow, _read_arrow)
MLFLOW_INPUTS: Final = Form(_write_matrix("inputs"), _read_member("predictions"))
RAW_FLOATS: Final = Form(_write_floats, _read_floats)
BENTOML_DATA: Final = Form(_write_matrix("data"), _read_list)
