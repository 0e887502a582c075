"""What explains an answer is checked before it may, and is looked up the same by NumPy and by compiled code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serve.engine import EngineKind, EngineOptions, ModelFile
from serve.engine.contributions import ContributionsError, load_contributions
from serve.engine.contributions.table_file import TableFile, read_tables
from serve.engine.contributions.tables import ContributionTables
from tests.convert.contributions.explained import by_xgboost
from tests.convert.small_models import applications, convert_small, fit, plain

MODEL = fit(n_estimators=20, max_depth=4, missing_share=0.15)
CONVERTED = convert_small(MODEL)
FILE = ModelFile.of(Path("model.onnx"), CONVERTED.model)
TABLES = read_tables(CONVERTED.contributions or b"", CONVERTED.sha256)
ROWS = applications(3_000, seed=8, missing=0.2)
COMPILED = EngineOptions(kind=EngineKind.FOREST)


def written(tables: ContributionTables) -> bytes:
    return TableFile.of(tables, CONVERTED.sha256).to_bytes()


@pytest.mark.parametrize("kind", EngineKind)
def test_effects_are_those_of_xgboost_from_a_file(kind: EngineKind) -> None:
    found = load_contributions(written(TABLES), FILE, EngineOptions(kind=kind))
    expected, _ = by_xgboost(MODEL, ROWS)
    np.testing.assert_allclose(found.effects(ROWS), expected, rtol=0, atol=1e-6)
    assert found.effects(ROWS).dtype == np.float32


def test_compiled_code_gives_the_bits_of_numpy_for_any_rows() -> None:
    odd = ROWS.copy()
    odd[::7] = np.nan
    odd[1::7, ::2] = np.inf
    odd[2::7, 1::2] = -np.inf
    odd[3::7, :4] = -0.0
    numpy_way, compiled = load_contributions(written(TABLES), FILE), load_contributions(written(TABLES), FILE, COMPILED)
    assert np.array_equal(numpy_way.effects(odd), compiled.effects(odd))
    for rows in (odd[:0], odd[:1], odd[::2], np.asfortranarray(odd)):
        assert np.array_equal(numpy_way.effects(rows), compiled.effects(rows))


def test_a_row_has_the_same_effects_alone_and_from_any_thread() -> None:
    found = load_contributions(written(TABLES), FILE, COMPILED)
    expected = found.effects(ROWS)
    with ThreadPoolExecutor(4) as pool:
        for number, effects in enumerate(pool.map(lambda row: found.effects(ROWS[row : row + 1]), range(500))):
            assert np.array_equal(effects[0], expected[number])


def rewritten(**fields: object) -> bytes:
    file = msgspec.msgpack.decode(written(TABLES), type=TableFile)
    return msgspec.msgpack.encode(msgspec.structs.replace(file, **fields))


def changed(**arrays: object) -> bytes:
    return written(replace(TABLES, **arrays))  # type: ignore[arg-type]


def at_first(values: np.ndarray, value: float) -> np.ndarray:
    found = values.copy()
    found.flat[0] = value
    return found


FAULTS = {
    "empty": (b"", "damaged"),
    "truncated": (written(TABLES)[:-9], "damaged"),
    "no MessagePack": (b"{}" * 100, "damaged"),
    "another field": (msgspec.msgpack.encode({"format": 1, "code": "x"}), "damaged"),
    "half a number": (
        rewritten(values=b"abc"),
        "damaged",
    ),
    "a later format": (
        rewritten(format=2),
        "format is 2, expected 1",
    ),
    "other features": (
        rewritten(feature_names=("a", "b")),
        "its features are a, b",
    ),
    "another model's": (convert_small(plain()).contributions or b"", "belongs to the model with SHA-256"),
    "not a number": (changed(values=at_first(TABLES.values, np.nan)), "not a finite number"),
    "an infinite base": (changed(base=np.inf), "not a finite number"),
    "a column too many": (changed(columns=at_first(TABLES.columns, 10)), "a column is outside"),
    "a negative column": (changed(columns=at_first(TABLES.columns, -1)), "a column is outside"),
    "an offset beyond its table": (changed(offsets=at_first(TABLES.offsets, 2**31 - 1)), "outside its table"),
    "a negative offset": (changed(offsets=at_first(TABLES.offsets, -1)), "outside its table"),
    "a negative start": (changed(starts=at_first(TABLES.starts, -1)), "do not fit"),
    "fewer values": (changed(values=TABLES.values[:-1]), "do not fit"),
    "fewer columns": (changed(columns=TABLES.columns[:-1]), "do not fit"),
    "fewer thresholds": (changed(thresholds=TABLES.thresholds[:-1]), "damaged|do not fit"),
    "falling thresholds": (changed(thresholds=TABLES.thresholds[::-1].copy()), "do not rise"),
    "a threshold that is none": (changed(thresholds=at_first(TABLES.thresholds, np.nan)), "do not rise"),
    "another base": (changed(base=TABLES.base + 1e-3), "do not add up"),
    "other values": (changed(values=TABLES.values + np.float32(1e-4)), "do not add up"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", [EngineKind.ONNXRUNTIME, EngineKind.FOREST])
def test_a_damaged_or_swapped_table_is_refused_in_one_line(fault: str, kind: EngineKind) -> None:
    content, message = FAULTS[fault]
    with pytest.raises(ContributionsError, match=message) as caught:
        load_contributions(content, FILE, EngineOptions(kind=kind))
    assert str(caught.value).startswith("the table of contributions can't be used: ")
    assert "\n" not in str(caught.value)
