"""Traces in records: in the table as they were given, and nothing changes for records without one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from psycopg2.errors import CheckViolation

from fraud.features import FEATURE_COUNT
from fraud.verdict import Verdict
from serve.prediction_log.chain import FACTS_DECODER, encode_facts
from serve.prediction_log.frame import Content, build_frame, frame_starts, read_frame
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.segment import list_segments
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all, some_reasons

TRACE = bytes(range(1, 17))
PREVIOUS = bytes(32)


def framed(one: PredictionRecord) -> bytes:
    return b"".join(build_frame(Content.of(one), 1, 7, PREVIOUS).buffers)


def test_facts_without_a_trace_are_encoded_as_before_there_were_traces() -> None:
    """As MessagePack's array of nine, written once more."""
    facts = read_frame(memoryview(framed(record())), PREVIOUS).facts
    nine = [getattr(facts, name) for name in facts.__struct_fields__ if name != "trace_id"]
    assert len(nine) == 9
    assert encode_facts(facts) == msgspec.msgpack.encode(nine)
    assert FACTS_DECODER.decode(encode_facts(facts)) == facts


def test_a_frame_returns_the_trace() -> None:
    found = read_frame(memoryview(framed(record(trace_id=TRACE, reasons=some_reasons(1)))), PREVIOUS)
    assert found.facts.trace_id == TRACE
    assert FACTS_DECODER.decode(encode_facts(found.facts)) == found.facts


@pytest.mark.parametrize("trace_id", [b"", TRACE])
def test_a_frame_is_found_behind_damage(trace_id: bytes) -> None:
    before = bytes(100)
    assert len(before) in frame_starts(before + framed(record(trace_id=trace_id)), 0, FEATURE_COUNT)


def test_traces_reach_the_table(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(rows=2, request_id="traced", trace_id=TRACE))
        spool.append(record(rows=3, request_id="not"))
        spool.append(record(request_id="both", trace_id=TRACE, reasons=some_reasons(1)))
    ship_all(tmp_path, database)
    found = fetch(database, "SELECT request_id FROM prediction_requests WHERE trace_id = %s ORDER BY 1", TRACE)
    assert found == [("both",), ("traced",)]
    assert fetch(database, "SELECT trace_id FROM prediction_requests WHERE request_id = 'not'") == [(None,)]
    report = audit(database, tmp_path)
    assert (report.verdict, report.records, report.findings) == (Verdict.PASS, 3, ())


def test_a_process_that_died_has_its_traces_shipped(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record(trace_id=TRACE))
    (path,) = list_segments(tmp_path).values()
    torn = path.read_bytes()[:-5]
    path.unlink()
    path.with_suffix(".open").write_bytes(torn)
    ship_all(tmp_path, database)
    found = fetch(database, "SELECT trace_id FROM prediction_requests")
    assert [bytes(trace_id) for (trace_id,) in found] == [TRACE] * 2


def test_the_table_takes_16_bytes_only(database: str, tmp_path: Path) -> None:
    with running_spool(tmp_path) as spool:
        spool.append(record(trace_id=TRACE))
    ship_all(tmp_path, database)
    with pytest.raises(CheckViolation, match="trace_id_of_16_bytes"):
        execute(database, "UPDATE prediction_requests SET trace_id = substr(trace_id, 2)")
