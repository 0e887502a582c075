"""What needs no service: bytes to rows, the last answer of each application, stored bits against given ones."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.shadow.applications import application_store
from bench.shadow.copied_rows import AnsweredRows, decode
from bench.shadow.record_audit import RecordAudit
from fraud.features import FEATURE_COUNT

CHAIN = uuid.UUID(int=7).bytes


def array(kind: int, code: str, values: Sequence[float | None], first: int = 1) -> bytes:
    """As `array_send` writes it."""
    size = struct.calcsize("!" + code)
    elements = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i" + code, size, value) for value in values
    )
    return struct.pack("!iiiii", 1, int(None in values), kind, len(values), first) + elements


def request(
    x: NDArray[np.float32],
    stored: list[float | None],
    ids: list[int] | None = None,
    *,
    sequence: int = 1,
    is_own: bool = True,
    first: int = 1,
) -> bytes:
    fields = [
        CHAIN,
        struct.pack("!q", sequence),
        struct.pack("!q", 1_000 * sequence),
        struct.pack("!?", is_own),
        array(700, "f", [float(value) for value in x.ravel()], first),
        array(700, "f", stored),
        None if ids is None else array(20, "q", ids),
    ]
    return struct.pack("!h", len(fields)) + b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in fields
    )


def matrix(rows: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((rows, FEATURE_COUNT), np.float32)


def test_requests_of_any_form_are_read() -> None:
    x = [matrix(rows, rows) for rows in (15, 13, 1, 1, 15)]
    x[2][0, 3] = np.nan
    ids = [None, list(range(1, 14)), [5], None, None]
    requests = [
        request(one, [0.5] * len(one), names, sequence=number, is_own=number != 3)
        for number, (one, names) in enumerate(zip(x, ids, strict=True))
    ]
    assert len(requests[0]) == len(requests[1]), "of one size, and with another number of rows"
    parts, unreadable = decode(requests)
    assert not unreadable
    rows = AnsweredRows.together(parts)
    for number, one in enumerate(x):
        own = rows.part(rows.sequence == number)
        np.testing.assert_array_equal(own.x, one)
        assert own.row.tolist() == list(range(len(one)))
        assert own.application.tolist() == (ids[number] or [0] * len(one))
        assert set(own.received_us.tolist()) == {1_000 * number}
        assert set(own.is_own.tolist()) == {number != 3}
        assert {chain.tobytes() for chain in own.chain} == {CHAIN}


@pytest.mark.parametrize(
    "spoiled",
    [
        pytest.param(request(matrix(2), [0.1, None]), id="NULL probability"),
        pytest.param(request(matrix(2), [0.1, 0.2, 0.3]), id="more probabilities than rows"),
        pytest.param(request(matrix(2)[:, 1:], [0.1, 0.2]), id="fewer features"),
        pytest.param(request(matrix(2), [0.1, 0.2], first=0), id="subscripts from 0"),
        pytest.param(request(matrix(2), [0.1, 0.2], [1]), id="fewer ids than rows"),
        pytest.param(request(matrix(0), []), id="no row"),
    ],
)
def test_request_that_no_server_writes_is_unreadable_and_others_are_read(spoiled: bytes) -> None:
    (rows,), unreadable = decode([request(matrix(2), [0.1, 0.2], sequence=4), spoiled])
    assert (rows.sequence.tolist(), [(one.chain, one.sequence, one.is_own) for one in unreadable]) == (
        [4, 4],
        [(CHAIN, 1, True)],
    )


def test_last_answer_of_each_application_is_kept_and_all_without_an_id(tmp_path: Path) -> None:
    hashes = np.array([5, 0, 6, 5, 0, 5], np.int64)
    received = np.array([3, 1, 2, 9, 1, 4], np.int64) * 86_400_000_000
    x = matrix(6)
    with application_store(tmp_path) as store:
        for part in (slice(0, 2), slice(2, 6)):
            store.add(x[part], x[part, 0], x[part, 1], received[part], hashes[part])
        found = store.applications()
        np.testing.assert_array_equal(found.x, x[[1, 2, 3, 4]])
        np.testing.assert_array_equal(found.candidate, x[[1, 2, 3, 4], 1])
        assert found.days.astype(str).tolist() == ["2000-01-02", "2000-01-03", "2000-01-10", "2000-01-02"]
        assert found.weeks.astype(str).tolist() == ["1999-12-27", "2000-01-03", "2000-01-10", "1999-12-27"]
    assert not list(tmp_path.iterdir())


def test_store_of_nothing_has_no_application(tmp_path: Path) -> None:
    with application_store(tmp_path) as store:
        assert store.applications().x.shape == (0, FEATURE_COUNT)


def rows_on_record(stored: list[float]) -> AnsweredRows:
    (rows,), _ = decode([request(matrix(len(stored)), stored)])  # type: ignore[arg-type]
    return rows


ULP = float(np.nextafter(np.float32(0.5), np.float32(1)))


@pytest.mark.parametrize(
    ("stored", "otherwise", "expected"),
    [
        pytest.param([0.5, 0.25], None, (2, 0, 0), id="equal"),
        pytest.param([ULP, 0.25], [ULP, 0.25], (2, 0, 0), id="as the other kernel rounds"),
        pytest.param([ULP, 0.25], None, (1, 1, 0), id="by rounding"),
        pytest.param([0.51, 0.25], [ULP, 0.25], (1, 0, 1), id="another"),
        pytest.param([float("nan"), ULP / 2 + 0.2], [0.5, 0.25], (0, 0, 2), id="no number, and another"),
    ],
)
def test_stored_bits_are_those_of_a_kernel(
    stored: list[float], otherwise: list[float] | None, expected: tuple[int, int, int]
) -> None:
    audit, rows, given = RecordAudit(), rows_on_record(stored), np.array([0.5, 0.25], np.float32)

    def score(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if otherwise is None:
            return []
        places = [int(np.flatnonzero((rows.x == row).all(axis=1))[0]) for row in x]
        return [np.array(otherwise, np.float32)[places]]

    audit.see(rows, given, score)
    assert (audit.equal, audit.rounded, audit.different) == expected
    assert len(audit.differences) == expected[1] + expected[2]
    assert len(list(audit.findings(1))) == (expected[2] > 0)
    assert (audit.rounding(1) is not None) == (expected[1] > 0)
