"""A chain can't be given another id, since that is in its hashes; chains without it are believed from before only."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from fraud.verdict import Verdict
from serve.audit.findings import Fault
from serve.prediction_log.chain import GENESIS
from serve.prediction_log.spool import Spool
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import anchor_files, execute, record, running_spool, ship_all

OTHER = uuid.UUID(int=2**100)
RENAME = f"UPDATE prediction_requests SET chain_id = '{OTHER}'; UPDATE prediction_chains SET chain_id = '{OTHER}'"  # noqa: S608 - this test's own


def fill(folder: Path, dsn: str) -> None:
    with running_spool(folder) as spool:
        for _ in range(3):
            spool.append(record())
    ship_all(folder, dsn)


@pytest.fixture
def without_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers write chains as versions of before did."""
    initialize = Spool.__init__

    def begin_with_zeros(self: Spool, *arguments: object, **more: object) -> None:
        initialize(self, *arguments, **more)  # type: ignore[arg-type]
        self._head = GENESIS

    monkeypatch.setattr(Spool, "__init__", begin_with_zeros)
    monkeypatch.setattr("serve.prediction_log.segment_header.beginning", lambda _chain_id: GENESIS)


def test_a_chain_under_another_id_is_found_where_nobody_witnesses_it(database: str, tmp_path: Path) -> None:
    fill(tmp_path, database)
    execute(database, RENAME)
    report = audit(database, tmp_path / "elsewhere")
    assert report.verdict is Verdict.FAIL
    assert (Fault.CHANGED, OTHER, 1) in {
        (finding.fault, finding.chain_id, finding.sequence) for finding in report.findings
    }


@pytest.mark.usefixtures("without_ids")
def test_a_chain_of_before_is_believed_where_its_anchor_is(database: str, tmp_path: Path) -> None:
    """Also one that begins later: who goes back to the version before for a while has such ones."""
    fill(tmp_path, database)
    fill(tmp_path, database)
    assert audit(database, tmp_path).findings == ()


begun_before_or_after = pytest.mark.parametrize(
    ("began", "fault"),
    [
        pytest.param("before", Fault.UNWITNESSED, id="begun before"),
        pytest.param("after", Fault.FORGED, id="begun after"),
    ],
)
"""Whether a chain without its id began before chains had theirs, and what is found where nothing witnesses it."""


def fill_unwitnessed(database: str, folder: Path, began: str) -> Path:
    """Ship a chain from elsewhere; gives the spool's folder here, which has no anchor of it."""
    here = folder / "here"
    if began == "after":
        ship_all(here, database)  # writes down since when chains have their ids
    fill(folder / "there", database)
    if began == "before":
        ship_all(here, database)
    return here


@pytest.mark.usefixtures("without_ids")
@begun_before_or_after
def test_an_unwitnessed_chain_without_its_id_may_only_be_of_before(
    database: str, tmp_path: Path, began: str, fault: Fault
) -> None:
    here = fill_unwitnessed(database, tmp_path, began)
    assert anchor_files(here) == []
    assert [finding.fault for finding in audit(database, here).findings] == [fault]
