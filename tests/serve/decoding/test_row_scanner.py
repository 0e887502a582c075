"""The compiled scan of row objects gives what the decoder gives, to the bit, or leaves the body to it."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.applications import Applications
from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding import DecodedRows, decode_instance
from serve.decoding.json_batch import decode_batch
from serve.decoding.row_scanner import RowScanner
from serve.errors import BodyTooLarge, ServeError
from tests.compiled_code import COMPILED_DIR
from tests.serve.batch_forms import EXAMPLE_ROWS, FORMS

MAX_ROWS = 50
BATCH = json.dumps({"instances": EXAMPLE_ROWS[:3]}).encode()
SINGLE = json.dumps(EXAMPLE_INSTANCE).encode()


@cache
def compiled_scanner() -> RowScanner:
    """For hypothesis, which wants no fixture."""
    return RowScanner(COMPILED_DIR)


@pytest.fixture
def scanner() -> RowScanner:
    return compiled_scanner()


def outcome(decode: Callable[[bytes], DecodedRows], body: bytes) -> object:
    try:
        rows = decode(body)
    except ServeError as error:
        return type(error), error.message, error.instance, error.field
    return rows.matrix.shape, rows.matrix.tobytes(), rows.application_ids, rows.applicant_refs


def same(scanner: RowScanner, body: bytes) -> None:
    found = outcome(lambda body: scanner.decode_batch(body, MAX_ROWS), body)
    assert found == outcome(lambda body: decode_batch(body, MAX_ROWS), body)
    assert outcome(scanner.decode_instance, body) == outcome(decode_instance, body)


def is_scanned(scanner: RowScanner, body: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the compiled code reads the body by itself."""

    def refuse(*_: object) -> DecodedRows:
        raise LookupError

    monkeypatch.setattr("serve.decoding.row_scanner.decode_batch", refuse)
    monkeypatch.setattr("serve.decoding.row_scanner.decode_instance", refuse)
    for decode in (scanner.decode_instance, lambda body: scanner.decode_batch(body, MAX_ROWS)):
        try:
            decode(body)
        except LookupError:
            continue
        return True
    return False


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BATCH, id="batch"),
        pytest.param(SINGLE, id="single"),
        pytest.param(b"\r\n\t " + BATCH + b" \n", id="white space around"),
        pytest.param(json.dumps({"instances": EXAMPLE_ROWS[:2]}, indent=2).encode(), id="indented"),
        pytest.param(json.dumps({"instances": EXAMPLE_ROWS[:2]}, separators=(",", ":")).encode(), id="compact"),
        pytest.param(json.dumps(dict(reversed(EXAMPLE_INSTANCE.items()))).encode(), id="another order"),
        pytest.param(
            json.dumps({"instances": [EXAMPLE_INSTANCE, dict(reversed(EXAMPLE_INSTANCE.items()))]}).encode(),
            id="orders that change",
        ),
        pytest.param(Applications(5, pool_rows=100).batch(40), id="what load tests send"),
    ],
)
def test_plain_bodies_are_scanned(scanner: RowScanner, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    same(scanner, body)
    assert is_scanned(scanner, body, monkeypatch)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(scanner: RowScanner, form: str) -> None:
    same(scanner, FORMS[form][1](EXAMPLE_ROWS))


def test_too_many_rows_are_refused(scanner: RowScanner) -> None:
    body = json.dumps({"instances": [EXAMPLE_INSTANCE] * (MAX_ROWS + 1)}).encode()
    with pytest.raises(BodyTooLarge):
        scanner.decode_batch(body, MAX_ROWS)


def test_ids_are_kept(scanner: RowScanner) -> None:
    body = json.dumps({"instances": [{**EXAMPLE_INSTANCE, "application_id": "A-1"}, EXAMPLE_INSTANCE]}).encode()
    assert scanner.decode_batch(body, MAX_ROWS).application_ids == ["A-1", None]


@pytest.mark.parametrize(
    "number",
    # Of every kind that JSON knows, and what is no number of JSON at all.
    [
        *("0", "-0", "-0.0", "1", "-1", "0.1", "01", "00", ".5", "5.", "+1", "1e3", "1E+3", "1e-3", "1e", "1e+", "--1"),
        *("123456789012345678", "1234567890123456789", "12345678901234567890", "0.12345678901234567890123"),
        *("1e22", "1e23", "1e38", "3.5e38", "1e39", "1e308", "1e309", "1e99999", "1e-40", "1e-45", "1e-46", "5e-324"),
        *("8388608.5", "16777217", "16777219", "33554433.0000001", "8388608.500000001", "0.1e1", "100000000e-8"),
        *("NaN", "Infinity", "-Infinity", "null", "true", '"1"', "[1]", "{}", "1_000", "1,5", "0x10", " 7 ", "7\t"),
        *("9" * 400, "1." + "0" * 300, "0." + "0" * 50 + "1", "1e0000", "1e00001", "1e-00001"),
    ],
)
def test_every_number_is_read_alike(scanner: RowScanner, number: str) -> None:
    row = ",".join(f'"{name}":{number if name == "Client_Income" else 4380}' for name in FEATURE_NAMES)
    same(scanner, f"{{{row}}}".encode())
    same(scanner, f'{{"instances":[{{{row}}},{{{row}}}]}}'.encode())


finite = st.floats(allow_nan=False, allow_infinity=False)
float32_middles = st.integers(0x00800000, 0x7F7FFFFE).map(
    lambda bits: (
        (struct.unpack("<f", struct.pack("<I", bits))[0] + struct.unpack("<f", struct.pack("<I", bits + 1))[0]) / 2
    )
)
near_middles = st.tuples(float32_middles, st.sampled_from([-math.inf, math.inf])).map(
    lambda pair: math.nextafter(*pair)
)
texts = st.one_of(finite, float32_middles, near_middles).map(repr)
digits = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@settings(max_examples=500, deadline=None)
@given(st.one_of(texts, digits))
def test_numbers_round_as_they_should(number: str) -> None:
    row = ",".join(f'"{name}":{number}' for name in FEATURE_NAMES)
    same(compiled_scanner(), f'{{"instances":[{{{row}}}]}}'.encode())


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(BATCH)), st.integers(0, len(BATCH)), st.binary(max_size=6))
@example(0, len(BATCH), b"")
@example(0, len(BATCH), b"{")
def test_mutated_bodies_are_read_as_by_the_decoder(start: int, end: int, inserted: bytes) -> None:
    """Cut out a stretch, put something else in its place."""
    same(compiled_scanner(), BATCH[:start] + inserted + BATCH[max(start, min(end, start + 12)) :])
    same(compiled_scanner(), BATCH[:start] + inserted)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SINGLE)), st.sampled_from(b'{}[]",:0123456789eE.+- \n\\x\xff'))
def test_a_row_with_any_byte_changed_is_read_as_by_the_decoder(place: int, byte: int) -> None:
    same(compiled_scanner(), SINGLE[:place] + bytes([byte]) + SINGLE[place + 1 :])


def test_decoding_works_without_numba(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from serve.engine.errors import ForestRefusedError

    def refuse(*_: object, **__: object) -> None:
        raise ForestRefusedError("no")

    monkeypatch.setattr("serve.decoding.row_scanner.jit.compiled", refuse)
    same(RowScanner(tmp_path), BATCH)
