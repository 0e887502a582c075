"""What nobody can read is a finding of its own: the rest is still verified, and shipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault, Finding
from serve.audit.verification import Report
from serve.prediction_log.segment import list_segments
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import anchor_files, execute, fetch, record, running_spool, ship_all, some_reasons

VIEW_SHOWS = "SELECT features->>'Client_Income' FROM prediction_logs WHERE request_id = 'r-3' AND row_number = 0"

CONSTRAINTS = (
    *("as_many_features_a_row", "one_id_a_row", "one_ref_a_row"),
    *("features_from_1", "probabilities_from_1", "ids_from_1", "refs_from_1"),
    *("as_many_reasons_a_row", "reasons_from_1"),
)


def fill(spool_folder: Path, records: int = 5) -> None:
    with running_spool(spool_folder) as spool:
        for number in range(1, records + 1):
            spool.append(
                record(
                    rows=2,
                    request_id=f"r-{number}",
                    application_ids=["A", None],
                    applicant_refs=[b"x"] * 2,
                    reasons=some_reasons(2),
                )
            )


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """A log of one chain of five records."""
    fill(tmp_path)
    ship_all(tmp_path, database)
    return database


def change(dsn: str, assignment: str) -> None:
    """As the owner of the database could, who can lift each constraint."""
    for name in CONSTRAINTS:
        execute(dsn, f"ALTER TABLE prediction_requests DROP CONSTRAINT {name}")
    execute(dsn, f"UPDATE prediction_requests SET {assignment} WHERE sequence = 3")  # noqa: S608 - this test's own


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("features = features || 1::real", "features has 21 elements"),
        ("features = array_prepend(NULL::real, features[1:19])", "its features, ids or reasons were changed"),
        ("features = ('[2:21]=' || features::text)::real[]", "features has 1 dimensions, the first from 2"),
        ("features = ARRAY[features[1:10], features[11:20]]", "features has 2 dimensions, the first from 1"),
        (
            "probabilities = ('[0:1]=' || probabilities::text)::real[]",
            "probabilities has 1 dimensions, the first from 0",
        ),
        ("probabilities = ARRAY[probabilities]", "probabilities has 2 dimensions"),
        ("application_ids = ('[5:6]=' || application_ids::text)::text[]", "application_ids has the shape [5:6]"),
        ("application_ids = ARRAY[application_ids]", "application_ids has the shape [1:1][1:2]"),
        ("applicant_refs = ('[0:1]=' || applicant_refs::text)::bytea[]", "applicant_refs has the shape [0:1]"),
        ("reasons = reasons || 1::real", "reasons has 9 elements, expected the same number of pairs"),
        ("reasons = '{}'", "reasons has 0 elements, expected the same number of pairs"),
        ("reasons = ('[0:7]=' || reasons::text)::real[]", "reasons has 1 dimensions, the first from 0"),
        ("reasons = ARRAY[reasons]", "reasons has 2 dimensions"),
        ("reasons[3] = NULL", "its features, ids or reasons were changed"),
        ("received_at = '0044-03-15 BC'", "it does not follow from the record before it"),
        ("received_at = 'infinity'", "one of its times is infinite"),
        ("received_at = '-infinity'", "one of its times is infinite"),
    ],
)
def test_a_value_that_no_server_writes_is_found_and_the_rest_is_verified(
    log: str, tmp_path: Path, assignment: str, said: str
) -> None:
    change(log, assignment)
    report = audit(log, tmp_path)
    assert (report.verdict, report.records) == (Verdict.FAIL, 5)
    (finding,) = (finding for finding in report.findings if finding.chain_id is not None)
    assert (finding.fault, finding.sequence) == (Fault.CHANGED, 3)
    assert said in finding.what


def test_a_shifted_array_that_the_view_shows_otherwise_is_found(log: str, tmp_path: Path) -> None:
    before = fetch(log, VIEW_SHOWS)
    change(log, "features = ('[0:19]=' || features::text)::real[]")
    assert fetch(log, VIEW_SHOWS) != before
    assert audit(log, tmp_path).verdict is Verdict.FAIL


@pytest.mark.parametrize("column", ["features", "probabilities", "reasons", "application_ids", "applicant_refs"])
def test_the_table_takes_no_array_that_begins_elsewhere(log: str, column: str) -> None:
    kind = {"application_ids": "text[]", "applicant_refs": "bytea[]"}.get(column, "real[]")
    shifted = f"('[0:' || cardinality({column}) - 1 || ']=' || {column}::text)::{kind}"
    for value in (shifted, f"ARRAY[{column}]"):
        with pytest.raises(psycopg2.errors.CheckViolation, match="_from_1"):
            execute(log, f"UPDATE prediction_requests SET {column} = {value}")  # noqa: S608 - this test's own


def test_a_month_that_is_moved_before_christ_is_found(log: str, tmp_path: Path) -> None:
    execute(
        log,
        "CREATE TABLE old PARTITION OF prediction_requests FOR VALUES FROM ('0050-01-01 BC') TO ('0040-01-01 BC');"
        "UPDATE prediction_requests SET recorded_at = '0044-03-15 BC' WHERE sequence = 3",
    )
    assert [finding.sequence for finding in audit(log, tmp_path).findings] == [3]


def as_backup(path: Path) -> None:
    path.write_bytes(b"{}")


def as_folder(path: Path) -> None:
    path.mkdir()


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [as_backup, as_folder, as_pipe])
def test_strays_are_named_and_passed_over(log: str, tmp_path: Path, make: Callable[[Path], None]) -> None:
    (anchor,) = anchor_files(tmp_path)
    fill(tmp_path)
    (segment,) = list_segments(tmp_path).values()
    strays = [
        tmp_path / "anchors" / f"{anchor.name}~",
        tmp_path / "anchors" / "notes",
        tmp_path / f"{segment.name}.bak",
    ]
    for stray in strays:
        make(stray)
    ship_all(tmp_path, log)
    report = audit(log, tmp_path)
    assert (report.verdict, report.records) == (Verdict.PASS, 10)
    assert {finding.fault for finding in report.findings} == {Fault.STRAY}
    assert all(any(str(stray) in finding.what for finding in report.findings) for stray in strays)


@pytest.mark.parametrize("make", [as_backup, as_folder, as_pipe])
def test_a_false_segment_is_set_aside(database: str, tmp_path: Path, make: Callable[[Path], None]) -> None:
    fill(tmp_path)
    (segment,) = list_segments(tmp_path).values()
    for name in ("f" * 32 + "-00000000.sealed", "e" * 32 + "-00000000.open"):
        make(tmp_path / name)
    ship_all(tmp_path, database)
    assert not segment.exists()
    report = audit(database, tmp_path)
    assert report.records == 5
    assert [finding.fault for finding in report.findings] == [Fault.DAMAGED] * 2


def test_a_segment_under_the_name_of_another_is_found(database: str, tmp_path: Path) -> None:
    fill(tmp_path)
    (segment,) = list_segments(tmp_path).values()
    segment.rename(tmp_path / ("f" * 32 + "-00000000.sealed"))
    (finding,) = audit(database, tmp_path).findings
    assert finding.fault is Fault.DAMAGED
    assert "named as another segment" in finding.what


@pytest.mark.parametrize("content", [b"", b"{}x", b'{"sequence": "one"}', b"\xff"])
def test_an_anchor_that_can_not_be_read_is_a_finding_and_stops_nothing(
    log: str, tmp_path: Path, content: bytes
) -> None:
    (anchor,) = anchor_files(tmp_path)
    anchor.write_bytes(content)
    assert damage(audit(log, tmp_path)) == [f"{anchor} is not an anchor of a chain"]
    fill(tmp_path)
    ship_all(tmp_path, log)
    report = audit(log, tmp_path)
    assert report.records == 10
    assert damage(report) == [f"{anchor}.damaged was set aside"]
    assert (tmp_path / "anchors" / f"{anchor.name}.damaged").read_bytes() == content


def damage(report: Report) -> list[str]:
    assert report.verdict is Verdict.FAIL
    found: list[Finding] = [finding for finding in report.findings if finding.fault is Fault.DAMAGED]
    return [finding.what.partition(":")[0] for finding in found]
