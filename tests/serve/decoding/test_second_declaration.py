"""Another declaration of the features, whose names Python doesn't take: every decoder follows it.

The features are those of the process, so this runs in another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DECLARED = """
[[feature]]
name = "net-worth"
type = "number"
unit = "EUR"
minimum = -1000
typical = [0, 9000]
example = 10.5
called = "worth"
meaning = "what is owned"

[[feature]]
name = "Größe.[1]"
type = "integer"
unit = "cm"
minimum = 30
typical = [150, 200]
example = 170
called = "height"
meaning = "height"
may_be_missing = true

[[feature]]
name = "b"
type = "code"
unit = "branch"
minimum = 1
typical = [1, 3]
example = 2
called = "branch"
meaning = "branch"
values = { north = 1, south = 2, west = 3 }
"""

ONE_FEATURE = DECLARED[: DECLARED.index("[[feature]]", 20)]

PREAMBLE = """
import json, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
import pytest
from fraud.features import FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding import decode_batch, decode_instance
from serve.decoding.arrow_stream import decode_arrow
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.row_objects import decode_lines
from serve.decoding.row_scanner import RowScanner
from serve.errors import InvalidInstance
from tests.serve.batch_forms import arrow_of

nan = float("nan")
def as_json(document): return json.dumps(document, ensure_ascii=False).encode()
def same(found, expected): assert found.matrix.tobytes() == np.array(expected, np.float32).tobytes(), found.matrix
"""

EVERY_FORM = """
rows = [[-5.5, 170.0, 2.0], [7.0, nan, 1.0], [7.0, 171.0, 1.0]]
table = {name: [None if row[at] != row[at] else row[at] for row in rows] for at, name in enumerate(FEATURE_NAMES)}
arrays = [list(row) for row in zip(*table.values())]
objects = [dict(zip(FEATURE_NAMES, row)) for row in arrays]
absent = [{name: value for name, value in row.items() if value is not None} for row in objects]
csv = "\\n".join([",".join(FEATURE_NAMES), *(",".join("" if v is None else str(v) for v in r) for r in arrays)])
inputs = [{"name": name, "shape": [3], "datatype": "FP64", "data": values} for name, values in table.items()]
whole = {"name": "features", "shape": [3, 3], "datatype": "FP32", "data": [v for row in arrays for v in row]}
for found in (
    decode_batch(as_json({"instances": objects}), 9),
    decode_batch(as_json({"instances": absent}), 9),
    decode_batch(json.dumps(objects).encode(), 9),
    decode_batch(as_json({"columns": FEATURE_NAMES, "data": arrays}), 9),
    decode_batch(as_json({"columns": table}), 9),
    decode_lines(b"\\n".join(map(as_json, objects)), 9),
    decode_invocation(as_json({"inputs": table}), 9),
    decode_invocation(as_json({"inputs": arrays}), 9),
    decode_invocation(as_json({"dataframe_records": absent}), 9),
    decode_arrow(arrow_of(pa.table(table)), 9),
    decode_csv(csv.encode(), 9),
    decode_request(as_json({"inputs": inputs}), None, 9)[1],
    decode_request(as_json({"inputs": [whole]}), None, 9)[1],
):
    same(found, rows)
"""

NAMED_FAULTS = """
for row, field in (
    ({"net-worth": 1.0, "Größe.[1]": 170}, "b"),
    ({"net-worth": "x", "Größe.[1]": 170, "b": 1}, "net-worth"),
    ({"net-worth": -1001, "Größe.[1]": 170, "b": 1}, "net-worth"),
    ({"net-worth": 1, "Größe.[1]": "x", "b": 1}, "Größe.[1]"),
    ({"net-worth": 1, "Größe.[1]": 29, "b": 1}, "Größe.[1]"),
    ({"net-worth": None, "b": 1}, "net-worth"),
    ({"net-worth": 1, "b": 1, "feature_0": 2}, "feature_0"),
):
    good = {"net-worth": 1, "Größe.[1]": 170, "b": 1}
    for decode in (decode_batch, RowScanner(Path(sys.argv[1])).decode_batch):
        with pytest.raises(InvalidInstance) as caught:
            decode(as_json({"instances": [good, row]}), 9)
        assert (caught.value.instance, caught.value.field) == (1, field), caught.value
        assert "ten" not in caught.value.message.split()
with pytest.raises(InvalidInstance, match="column b is missing: expected the 3 features"):
    decode_csv(b"net-worth\\n1\\n", 9)
"""

SCANNED = """
import serve.decoding.row_scanner as row_scanner
def refuse(*_): raise LookupError
row_scanner.decode_batch = row_scanner.decode_instance = refuse
scanner = RowScanner(Path(sys.argv[1]))
a = {"net-worth": -5.5, "Größe.[1]": 170, "b": 2}
b = {"b": 2, "net-worth": 7}
c = {"b": 2, "net-worth": 7, "Größe.[1]": None}
same(scanner.decode_batch(as_json({"instances": [a, a, b, b, c, c, a]}), 9),
     [[-5.5, 170, 2]] * 2 + [[7, nan, 2]] * 4 + [[-5.5, 170, 2]])
same(scanner.decode_instance(as_json(b)), [[7, nan, 2]])
for separators in ((",", ":"), (", ", ": ")):
    same(scanner.decode_batch(json.dumps({"instances": [b] * 5}, separators=separators).encode(), 9), [[7, nan, 2]] * 5)
"""

ONE = """
same(decode_instance(b'{"net-worth": 1}'), [[1]])
same(decode_batch(b'{"instances": [{"net-worth": 1}, {"net-worth": 2}]}', 9), [[1], [2]])
same(decode_batch(b'{"columns": ["net-worth"], "data": [[1], [2]]}', 9), [[1], [2]])
same(decode_batch(b'{"columns": ["application_id", "net-worth"], "data": [["A", 1], ["B", 2]]}', 9), [[1], [2]])
same(decode_batch(b'{"columns": {"net-worth": [1, 2]}}', 9), [[1], [2]])
same(RowScanner(Path(sys.argv[1])).decode_batch(b'{"instances":[{"net-worth":1},{"net-worth":2}]}', 9), [[1], [2]])
with pytest.raises(InvalidInstance, match="with the feature$"):
    decode_batch(b'{"instances": []}', 9)
with pytest.raises(InvalidInstance) as caught:
    decode_batch(b'{"instances": [{"net-worth": 1}, {"net-worth": "2"}]}', 9)
assert len(caught.value.good.matrix) == 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For compiled code, which takes long to make: one for all, as a server that is declared again keeps its own."""
    return tmp_path_factory.mktemp("declared")


@pytest.mark.parametrize(
    ("declared", "program"),
    [
        pytest.param(DECLARED, EVERY_FORM, id="every form"),
        pytest.param(DECLARED, NAMED_FAULTS, id="faults"),
        pytest.param(DECLARED, SCANNED, id="compiled scan"),
        pytest.param(ONE_FEATURE, ONE, id="one feature"),
    ],
)
def test_every_decoder_follows_the_declaration(declared: str, program: str, folder: Path) -> None:
    run_with(declared, program, folder)


def test_compiled_code_of_one_declaration_is_not_read_for_another(folder: Path) -> None:
    """Names, bounds and what may be missing are constants in it."""
    program = 'same(RowScanner(Path(sys.argv[1])).decode_instance(b\'{"net-worth":1,"b":2}\'), [[1, nan, 2]])'
    run_with(DECLARED, program, folder)
    stricter = DECLARED.replace("may_be_missing = true", "").replace("-1000", "2").replace("[0, 9000]", "[3, 9000]")
    program = """
with pytest.raises(InvalidInstance):
    RowScanner(Path(sys.argv[1])).decode_instance(b'{"net-worth":3,"b":2}')
with pytest.raises(InvalidInstance):
    RowScanner(Path(sys.argv[1])).decode_instance('{"net-worth":1,"Größe.[1]":170,"b":2}'.encode())
"""
    run_with(stricter, program, folder)


def run_with(declared: str, program: str, folder: Path) -> None:
    declaration = folder / "features.toml"
    declaration.write_text(declared, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + program, str(folder / "compiled")],
        env={**os.environ, "FEATURES_FILE": str(declaration), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
