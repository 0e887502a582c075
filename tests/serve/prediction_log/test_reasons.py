"""Reasons of answers in records: in the table as they were given, and nothing changes for records without."""

from __future__ import annotations

import hashlib
import struct
import uuid
import zlib
from pathlib import Path

import numpy as np
import pytest
from psycopg2.errors import CheckViolation

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.verdict import Verdict
from serve.prediction_log import binary_copy
from serve.prediction_log.chain import content_digest
from serve.prediction_log.frame import PREFIX_BYTES, Content, build_frame, digest_of, frame_size, read_frame
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.segment import list_segments
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all, some_reasons

SALT = bytes(range(16))
PREVIOUS = bytes(32)


def framed(one: PredictionRecord) -> bytes:
    return b"".join(build_frame(Content.of(one), 1, 7, PREVIOUS).buffers)


def test_content_without_reasons_is_hashed_as_ever() -> None:
    """Written once more, as it was before there were any."""
    ids, refs, features = b"ids", b"refs", bytes(range(80))
    plain = hashlib.sha256(SALT + struct.pack("<III", 2, len(ids), len(refs)) + ids + refs + features).digest()
    assert content_digest(SALT, ids, refs, features, 2) == plain
    assert content_digest(SALT, ids, refs, features, 2, reasons=b"") == plain


def test_content_with_reasons_can_pass_for_no_other() -> None:
    reasons, features = bytes(16), bytes(range(80))
    digests = {
        content_digest(SALT, b"", b"", features, 2, reasons=reasons),
        content_digest(SALT, b"", b"", features + reasons, 2),
        content_digest(SALT, b"", b"", reasons + features, 2),
        content_digest(SALT, reasons, b"", features, 2),
        content_digest(SALT, b"", b"", features[:64], 2, reasons=reasons + features[64:]),
        content_digest(SALT, b"", b"", features, 2, reasons=reasons[:8] + b"\x01" + reasons[9:]),
        content_digest(SALT, b"", b"", features, 1, reasons=reasons),
    }
    assert len(digests) == 7


def test_a_frame_without_reasons_has_the_bytes_that_it_had() -> None:
    data = framed(record(rows=3, application_ids=["A", None, "B"]))
    checksum, facts, ids, refs, rows = struct.unpack_from("<IIIII", data)
    assert (refs, rows) == (0, 3)
    assert checksum == zlib.crc32(data[4:PREFIX_BYTES])
    assert len(data) == PREFIX_BYTES + facts + ids + 4 * 3 * (FEATURE_COUNT + 1)


@pytest.mark.parametrize("count", [1, 3, FEATURE_COUNT])
@pytest.mark.parametrize("rows", [1, 4])
def test_a_frame_gives_back_the_reasons(rows: int, count: int) -> None:
    given = record(rows=rows, application_ids=["A"] * rows, reasons=some_reasons(rows, count))
    data = framed(given)
    assert frame_size(data, FEATURE_COUNT) == len(data)
    found = read_frame(memoryview(data), PREVIOUS)
    assert found.reasons is not None
    np.testing.assert_array_equal(found.reasons, some_reasons(rows, count))
    np.testing.assert_array_equal(found.features, given.features)
    assert digest_of(found) == found.digest


@pytest.mark.parametrize("piece", [1, 50, binary_copy.PIECE_VALUES])
def test_reasons_reach_the_table_and_the_view(
    database: str, tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shipped alone or with others, in one piece or several."""
    monkeypatch.setattr(binary_copy, "PIECE_VALUES", piece)
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=2, request_id="some", reasons=some_reasons(2)))
        spool.append(record(rows=3, request_id="none"))
        spool.append(record(rows=1, request_id="all", reasons=some_reasons(1, FEATURE_COUNT)))
    ship_all(tmp_path, database)
    query = "SELECT reasons FROM prediction_requests WHERE request_id = %s"
    for name, expected in (("some", some_reasons(2)), ("all", some_reasons(1, FEATURE_COUNT))):
        ((stored,),) = fetch(database, query, name)
        np.testing.assert_array_equal(np.array(stored, np.float32), expected.ravel())
    assert fetch(database, query, "none") == [(None,)]
    shown = fetch(database, "SELECT request_id, reasons FROM prediction_logs ORDER BY request_id, row_number")
    assert [reasons for name, reasons in shown if name == "none"] == [None] * 3
    for (name, reasons), effects in zip(shown[-2:], some_reasons(2)[:, 1::2].tolist(), strict=True):
        assert name == "some"
        assert [reason["field"] for reason in reasons] == [FEATURE_NAMES[-1], FEATURE_NAMES[-2]]
        assert [reason["effect"] for reason in reasons] == pytest.approx(effects, rel=1e-6)
    report = audit(database, tmp_path)
    assert (report.verdict, report.records, report.findings) == (Verdict.PASS, 3, ())


def test_a_process_that_died_has_its_reasons_shipped(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record(rows=2, reasons=some_reasons(2)))
    (path,) = list_segments(tmp_path).values()
    torn = path.read_bytes()[:-5]
    path.unlink()
    path.with_suffix(".open").write_bytes(torn)
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT cardinality(reasons) FROM prediction_requests") == [(8,), (8,), (8,)][:2]


@pytest.mark.parametrize(
    "reasons",
    [
        pytest.param([], id="empty"),
        pytest.param([1.0], id="half a pair"),
        pytest.param([1.0, 0.5], id="fewer than rows"),
        pytest.param([1.0, 0.5] * 3, id="more for one row than for another"),
    ],
)
def test_the_table_takes_only_as_many_for_each_row(database: str, tmp_path: Path, reasons: list[float]) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=2, request_id=uuid.uuid4().hex, reasons=some_reasons(2)))
    ship_all(tmp_path, database)
    with pytest.raises(CheckViolation, match="as_many_reasons_a_row"):
        execute(database, "UPDATE prediction_requests SET reasons = %s::real[]", reasons)
