"""A chain whose server left for ever ends where an operator says, on record, and nowhere else."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg2
import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.closing import close_chain
from serve.audit.closures import Closure
from serve.audit.errors import AuditError
from serve.audit.findings import Fault
from serve.audit.verification import Report
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, new_shipper, record, running_spool

KEY = AnchorKey(b"a key of the length that it has to have")
TOLD = {"by": "A. Auditor", "why": "its machine burnt down"}
CUT = (
    "DELETE FROM prediction_requests WHERE sequence = 3;"
    "UPDATE prediction_chains SET sequence = 2, hash = (SELECT hash FROM prediction_requests WHERE sequence = 2)"
)


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Three records of a server whose folder is `left`; who audits is `here`, with signed anchors."""
    with running_spool(tmp_path / "left") as spool:
        for _ in range(3):
            spool.append(record())
    assert new_shipper(tmp_path / "left", database).ship()
    AnchorBook(tmp_path / "here", KEY)
    return database


@pytest.fixture
def chain(log: str) -> uuid.UUID:
    connection = psycopg2.connect(log)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT chain_id::text FROM prediction_chains")
        (found,) = cursor.fetchall()
    connection.close()
    return uuid.UUID(found[0])


def close(log: str, folder: Path, chain: uuid.UUID) -> Closure:
    with connect(log) as connection:
        return close_chain(connection, folder, Anchors(folder, KEY), chain, **TOLD)


def verified(log: str, tmp_path: Path) -> Report:
    return audit(log, tmp_path / "here", KEY)


def faults(report: Report) -> set[Fault]:
    return {finding.fault for finding in report.findings}


def test_a_closed_chain_needs_no_other_witness_and_says_who_closed_it(
    log: str, tmp_path: Path, chain: uuid.UUID
) -> None:
    assert verified(log, tmp_path).verdict is Verdict.INCONCLUSIVE
    closed = close(log, tmp_path / "here", chain)
    report = verified(log, tmp_path)
    assert (report.verdict, report.findings, report.closures) == (Verdict.PASS, (), (closed,))
    assert f"chain {chain} ends at record 3: closed " in str(closed)
    assert str(closed).endswith(" by A. Auditor: its machine burnt down")


def test_a_truncated_closed_chain_is_found(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    close(log, tmp_path / "here", chain)
    execute(log, CUT)
    assert faults(verified(log, tmp_path)) == {Fault.MISSING}


def test_a_chain_that_was_cut_before_without_its_mark_is_not_closed(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    execute(log, "DELETE FROM prediction_requests WHERE sequence = 2")
    with pytest.raises(AuditError, match="is incomplete, and was not closed: records 2 to 2 are missing"):
        close(log, tmp_path / "here", chain)
    assert verified(log, tmp_path).closures == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes().replace(b"burnt", b"froze")), id="other words"),
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() * 2), id="a line twice"),
    ],
)
def test_a_list_of_closed_chains_that_was_changed_is_found(
    log: str, tmp_path: Path, chain: uuid.UUID, change: object
) -> None:
    close(log, tmp_path / "here", chain)
    assert callable(change)
    change(tmp_path / "here" / "anchors" / "closures")
    assert faults(verified(log, tmp_path)) == {Fault.CHANGED}


def test_a_list_that_can_not_be_read_is_named(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    close(log, tmp_path / "here", chain)
    (tmp_path / "here" / "anchors" / "closures").write_bytes(b"nothing of ours\n")
    assert Fault.DAMAGED in faults(verified(log, tmp_path))


def test_an_anchor_of_a_closed_chain_that_was_removed_is_found(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    close(log, tmp_path / "here", chain)
    (tmp_path / "here" / "anchors" / chain.hex).unlink()
    assert Fault.CHANGED in faults(verified(log, tmp_path))


def test_a_chain_is_closed_once_and_not_where_it_was_written(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    with pytest.raises(AuditError, match="has an anchor here"):
        close(log, tmp_path / "left", chain)
    close(log, tmp_path / "here", chain)
    with pytest.raises(AuditError, match="is closed already: chain"):
        close(log, tmp_path / "here", chain)
    with pytest.raises(AuditError, match="has no record here"):
        close(log, tmp_path / "here", uuid.uuid4())


def test_a_closing_that_was_killed_is_finished_by_the_next(log: str, tmp_path: Path, chain: uuid.UUID) -> None:
    closed = close(log, tmp_path / "here", chain)
    for name in (chain.hex, uuid.UUID(int=2).hex):
        (tmp_path / "here" / "anchors" / name).unlink()
    assert verified(log, tmp_path).verdict is Verdict.FAIL
    assert close(log, tmp_path / "here", chain) == closed
    assert verified(log, tmp_path).verdict is Verdict.PASS
