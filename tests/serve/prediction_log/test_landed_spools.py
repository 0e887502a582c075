"""What a version before this one has left in the spool is shipped, and verifies as it did."""

from __future__ import annotations

from pathlib import Path

from fraud.verdict import Verdict
from serve.prediction_log.segment import list_segments
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log.landed_spools import WITHOUT_END_MARKS, WITHOUT_REASONS, unpack
from tests.serve.prediction_log_rows import fetch, record, running_spool, ship_all

FOUND = [("cut-1",), ("cut-2",), ("whole-1",), ("whole-2",), ("whole-3",)]


def test_a_spool_without_end_marks_is_shipped_and_verified(database: str, tmp_path: Path) -> None:
    unpack(WITHOUT_END_MARKS, tmp_path)
    report = audit(database, tmp_path)
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
    with running_spool(tmp_path) as spool:
        spool.append(record(request_id="x"))
    ship_all(tmp_path, database)
    assert fetch(database, "SELECT request_id FROM prediction_requests ORDER BY 1") == [*FOUND, ("x",)]
    report = audit(database, tmp_path)
    assert (report.verdict, report.records, report.findings) == (Verdict.PASS, 6, ())
    assert not list_segments(tmp_path)
    assert not (tmp_path / "damaged").exists()


def test_a_spool_of_the_time_before_reasons_is_shipped_and_verified(database: str, tmp_path: Path) -> None:
    unpack(WITHOUT_REASONS, tmp_path)
    (path,) = list_segments(tmp_path).values()
    assert path.read_bytes().startswith(b"PREDLOG2")
    ship_all(tmp_path, database)
    query = "SELECT request_id, cardinality(probabilities), reasons FROM prediction_requests ORDER BY 1"
    assert fetch(database, query) == [(f"before-{rows}", rows, None) for rows in (1, 2, 3)]
    report = audit(database, tmp_path)
    assert (report.verdict, report.records, report.findings) == (Verdict.PASS, 3, ())
