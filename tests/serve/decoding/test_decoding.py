"""Bodies become matrices exactly, or an error that names the value at fault."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT, FEATURE_NAMES
from serve.decoding import decode_batch, decode_instance
from serve.decoding.bounds import REQUIRED_NAMES
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, ServeError

MAX_ROWS = 50

values = st.one_of(st.integers(0, 2**53), st.floats(0, 3e38, allow_nan=False))
instances = st.fixed_dictionaries(dict.fromkeys(FEATURE_NAMES, values))


def body(*rows: Any) -> bytes:
    return json.dumps({"instances": list(rows)}).encode()


def changed(**changes: Any) -> dict[str, Any]:
    return {**EXAMPLE_INSTANCE, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in EXAMPLE_INSTANCE.items() if key != name}


@given(st.lists(instances, min_size=1, max_size=MAX_ROWS))
def test_every_value_arrives_as_its_nearest_float32_in_the_order_of_the_request(rows: list[dict[str, float]]) -> None:
    decoded = decode_batch(body(*rows), MAX_ROWS)
    expected = np.array([[row[name] for name in FEATURE_NAMES] for row in rows], dtype=np.float64)
    assert decoded.matrix.dtype == np.float32
    assert decoded.matrix.flags.c_contiguous
    np.testing.assert_array_equal(decoded.matrix, expected.astype(np.float32))
    assert decoded.application_ids is None


@given(instances, st.permutations(FEATURE_NAMES))
def test_the_order_of_members_does_not_matter(row: dict[str, float], order: list[str]) -> None:
    shuffled = json.dumps({name: row[name] for name in order}).encode()
    np.testing.assert_array_equal(decode_instance(shuffled).matrix, decode_instance(json.dumps(row).encode()).matrix)


def test_application_ids_keep_their_places() -> None:
    decoded = decode_batch(body(changed(), changed(application_id="A-1"), changed(application_id=None)), MAX_ROWS)
    assert decoded.application_ids == [None, "A-1", None]


BAD_VALUES = [
    pytest.param("9500", id="a string"),
    pytest.param(True, id="a bool"),
    pytest.param(None, id="null"),
    pytest.param([1], id="an array"),
    pytest.param({}, id="an object"),
    pytest.param(-1, id="negative"),
    pytest.param(1e39, id="beyond float32"),
    pytest.param(10**400, id="beyond float64"),
    pytest.param(float("nan"), id="NaN, which is no JSON"),
    pytest.param(float("inf"), id="Infinity, which is no JSON"),
    pytest.param(float("-inf"), id="-Infinity, which is no JSON"),
]


@pytest.mark.parametrize("name", FEATURE_NAMES)
@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_bad_value_is_named_by_instance_and_field(name: str, value: Any) -> None:
    if value is None and name not in REQUIRED_NAMES:
        pytest.skip("it may be missing")
    with pytest.raises(InvalidInstance) as caught:
        decode_batch(body(changed(), changed(), changed(**{name: value}), changed()), MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (2, name)
    assert name in caught.value.message


@pytest.mark.parametrize("name", REQUIRED_NAMES)
def test_a_missing_feature_is_named(name: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode_batch(body(changed(), without(name)), MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (1, name)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"Shoe_Size": 43}, "Shoe_Size", id="unknown feature"),
        pytest.param({"age_days": 9500}, "age_days", id="a feature in lower case"),
        pytest.param({"application_id": 17}, "application_id", id="an id that is no text"),
        pytest.param({"application_id": ""}, "application_id", id="an empty id"),
        pytest.param({"application_id": "x" * 65}, "application_id", id="an id that is too long"),
        pytest.param({"application_id": "a\x00b"}, "application_id", id="a NUL, which PostgreSQL can't hold"),
        pytest.param({"application_id": "a\n"}, "application_id", id="a line break"),
    ],
)
def test_a_bad_member_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode_instance(json.dumps(changed(**changes)).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"{", MalformedBody, id="cut off"),
        pytest.param(b"", MalformedBody, id="empty"),
        pytest.param(b"\xff\xfe", MalformedBody, id="not UTF-8"),
        pytest.param(b"[" * 100_000, InvalidInstance, id="nested without end"),
        pytest.param(b"[]", InvalidInstance, id="an array at the top"),
        pytest.param(b"{}", InvalidInstance, id="no instances"),
        pytest.param(b'{"instances": []}', InvalidInstance, id="an empty batch"),
        pytest.param(b'{"instances": {}}', InvalidInstance, id="instances as an object"),
        pytest.param(b'{"instances": [[1]]}', InvalidInstance, id="an instance as an array"),
        pytest.param(b'{"instances": [], "threshold": 1}', InvalidInstance, id="an unknown member beside instances"),
        pytest.param(body(*[EXAMPLE_INSTANCE] * (MAX_ROWS + 1)), BodyTooLarge, id="one row too many"),
    ],
)
def test_a_bad_batch_is_refused(content: bytes, fault: type[ServeError]) -> None:
    with pytest.raises(fault):
        decode_batch(content, MAX_ROWS)


@given(st.binary(max_size=200))
def test_no_body_is_worse_than_refused(content: bytes) -> None:
    with contextlib.suppress(MalformedBody, InvalidInstance, BodyTooLarge):
        assert decode_batch(content, MAX_ROWS).matrix.shape[1] == FEATURE_COUNT
