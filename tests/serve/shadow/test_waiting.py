"""What waits for the shadow is bounded, and comes in order."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from fraud.features import FEATURE_COUNT
from serve.shadow import waiting
from serve.shadow.waiting import Drawn, WaitingRecords

CHAIN = uuid.uuid4()


def drawn(sequence: int, rows: int) -> Drawn:
    return Drawn(CHAIN, sequence, 0, np.zeros((rows, FEATURE_COUNT), np.float32))


@pytest.mark.parametrize(
    ("there", "rows", "expected"),
    [
        pytest.param([], 10, True, id="exactly as many"),
        pytest.param([], 11, True, id="too many for all, and alone"),
        pytest.param([6], 4, True, id="the last that fit"),
        pytest.param([6], 5, False, id="one row too many"),
        pytest.param([11], 1, False, id="behind one that takes all"),
    ],
)
def test_room_is_for_so_many_rows(there: list[int], rows: int, expected: bool) -> None:
    records = WaitingRecords(max_rows=10)
    for number, size in enumerate(there):
        records.put(drawn(number, size))
    assert records.has_room(rows) is expected


def test_records_come_in_order_and_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ROWS_A_TIME", 5)
    records = WaitingRecords(max_rows=10)
    for sequence in range(1, 6):
        records.put(drawn(sequence, 2))
    assert [one.sequence for one in records.take(0)] == [1, 2, 3]
    assert records.has_room(6)
    assert not records.has_room(7)
    assert [one.sequence for one in records.take(0)] == [4, 5]
    assert records.take(0) == []
