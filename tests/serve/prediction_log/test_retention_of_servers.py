"""An expired month goes once every server has anchored where its own chains in it end: then each can be verified."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2.errors import ObjectNotInPrerequisiteState, RaiseException

from fraud.database import connect, open_connection
from serve.audit.closing import close_chain
from serve.audit.findings import Fault
from serve.audit.verification import verify
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.upkeep_table import UpkeepTable
from tests.serve.prediction_log_rows import months_of, new_upkeep, record, running_spool, ship_all

OLD_MONTH = "prediction_requests_200109"
NEXT_MONTH = "prediction_requests_200110"
SEPTEMBER, OCTOBER = 10**18, 10**18 + 30 * 86_400 * 10**9
"""2001-09-09 and 2001-10-09, nanoseconds since 1970."""

Answer = Callable[..., Path]


@pytest.fixture
def answer(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Has a server answer once at each of some moments, and once today."""

    def write(server: str, *moments: int) -> Path:
        folder = tmp_path / server
        with running_spool(folder) as spool:
            for moment in moments:
                with monkeypatch.context() as past:
                    past.setattr("time.time_ns", lambda moment=moment: moment)
                    spool.append(record())
            spool.append(record())
        ship_all(folder, database)
        return folder

    return write


def keep_up(dsn: str, spool: Path) -> dict[str, float]:
    """One round of a server's upkeep; returns how long each of its tasks has been behind."""
    metrics = LogMetrics()
    new_upkeep(spool, dsn, retention_months=1, metrics=metrics, patience_s=0.0).keep_up()
    (family,) = metrics.upkeep.behind_s.collect()
    return {sample.labels["task"]: sample.value for sample in family.samples}


def faults(dsn: str, spool: Path) -> list[Fault]:
    with connect(dsn) as connection:
        return [finding.fault for finding in verify(connection, spool).findings]


def test_a_month_stays_until_each_server_has_noted_its_ends(
    database: str, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = answer("here", SEPTEMBER), answer("there", SEPTEMBER)
    other_chain = next(iter(Anchors(there).chains()))
    caplog.set_level(logging.WARNING, "serve.prediction_log.chore")
    assert keep_up(database, here)["retention"] > 0
    assert OLD_MONTH in months_of(database)
    assert "stays until other servers note the end of 1 chain:" in caplog.text
    assert f"close-chain`: {other_chain}" in caplog.text
    assert keep_up(database, there)["retention"] == 0
    assert not any(name.startswith(OLD_MONTH) for name in months_of(database))
    for spool in (here, there):
        assert faults(database, spool) == [Fault.UNWITNESSED], "the chain of the other, which has its witness there"


def test_an_end_that_is_no_record_of_the_month_is_not_noted(database: str, answer: Answer) -> None:
    """Whoever has the server's login could note ends of chains that other servers keep."""
    answer("here", SEPTEMBER)
    table = UpkeepTable(database, 1)
    (chain,) = table.expired_chains(OLD_MONTH)
    for end in (
        replace(chain.end, sequence=10**9),
        replace(chain.end, hash=bytes(32)),
        replace(chain.end, chain_id=uuid.uuid4()),
    ):
        with pytest.raises(RaiseException, match="expected one of that month"):
            table.note(OLD_MONTH, [end])
    table.disconnect()


def test_a_forged_anchor_is_not_signed_by_retention(
    database: str, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    here, other = answer("here", SEPTEMBER), answer("other", SEPTEMBER)
    key = AnchorKey(b"k" * 32)
    book = AnchorBook(here, key)
    table = UpkeepTable(database, 1)
    ends = {chain.end.chain_id: chain.end for chain in table.expired_chains(OLD_MONTH)}
    table.disconnect()
    own, foreign = (next(iter(Anchors(folder).chains())) for folder in (here, other))
    Anchors(here).write(own, Anchor(sequence=1, hash=ends[own].hash), durable=True)
    Anchors(here).write(foreign, Anchor(sequence=2, hash=bytes(32)), durable=True)
    assert book.expire(ends[own])
    assert not book.expire(ends[foreign]), "its server keeps its anchor"
    written = Anchors(here).of(own)
    assert written is not None
    assert (written.sequence, written.expired_sequence) == (2, 1), "what the book knew, and not what was put there"
    assert key.has_signed(own, written)
    assert "was changed: see" in caplog.text


def test_a_month_is_not_taken_out_behind_a_server_that_has_not_noted_its_end(database: str, answer: Answer) -> None:
    answer("here", SEPTEMBER)
    table = UpkeepTable(database, 1)
    with pytest.raises(ObjectNotInPrerequisiteState, match=f"in {OLD_MONTH} is not noted"):
        table.detach(OLD_MONTH)
    table.disconnect()
    assert OLD_MONTH in months_of(database)


def test_a_detached_month_stays_until_each_server_has_noted_its_ends(database: str, answer: Answer) -> None:
    """As an owner detaches and renames it by hand."""
    here, there = answer("here", SEPTEMBER), answer("there", SEPTEMBER)
    owner = open_connection(database)
    owner.autocommit = True
    owner.cursor().execute(f"ALTER TABLE prediction_requests DETACH PARTITION {OLD_MONTH}")
    owner.cursor().execute(f"ALTER TABLE {OLD_MONTH} RENAME TO {OLD_MONTH}_expired")
    owner.close()
    assert keep_up(database, here)["retention"] > 0
    assert f"{OLD_MONTH}_expired" in months_of(database)
    assert keep_up(database, there)["retention"] == 0
    assert f"{OLD_MONTH}_expired" not in months_of(database)
    for spool in (here, there):
        assert faults(database, spool) == [Fault.UNWITNESSED]


def test_months_go_in_order(database: str, answer: Answer) -> None:
    """A chain that lost a month from its middle could not be verified."""
    here, there = answer("here", SEPTEMBER, OCTOBER), answer("there", SEPTEMBER)
    keep_up(database, here)
    assert {OLD_MONTH, NEXT_MONTH} <= set(months_of(database))
    keep_up(database, there)
    keep_up(database, here)
    assert not {OLD_MONTH, NEXT_MONTH} & set(months_of(database))
    assert faults(database, here) == [Fault.UNWITNESSED]


def test_a_closed_chain_of_a_server_that_has_left_holds_no_month(database: str, answer: Answer) -> None:
    here, left = answer("here", SEPTEMBER), answer("left", SEPTEMBER)
    chain_id = next(iter(Anchors(left).chains()))
    assert keep_up(database, here)["retention"] > 0
    connection = open_connection(database)
    close_chain(connection, here, Anchors(here), chain_id, by="A. Auditor", why="its machine burnt down")
    connection.close()
    assert keep_up(database, here)["retention"] == 0
    assert OLD_MONTH not in months_of(database)
    assert faults(database, here) == []


def test_a_chain_whose_beginning_expired_can_be_closed(database: str, answer: Answer) -> None:
    here, left = answer("here", SEPTEMBER), answer("left", SEPTEMBER)
    chain_id = next(iter(Anchors(left).chains()))
    keep_up(database, left)
    keep_up(database, here)
    assert OLD_MONTH not in months_of(database)
    connection = open_connection(database)
    close_chain(connection, here, Anchors(here), chain_id, by="A. Auditor", why="its machine burnt down")
    connection.close()
    assert faults(database, here) == []


def test_a_beginning_that_nobody_noted_is_missed(database: str, answer: Answer) -> None:
    here, there = answer("here", SEPTEMBER), answer("there", SEPTEMBER)
    owner = open_connection(database)
    owner.cursor().execute(f"TRUNCATE {OLD_MONTH}")
    owner.commit()
    owner.close()
    assert faults(database, here).count(Fault.MISSING) == 2, "the chain of this server, and that of the other"
    assert faults(database, there).count(Fault.MISSING) == 2


def test_a_record_that_comes_after_its_server_noted_the_end_holds_the_month(
    database: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = answer("here", SEPTEMBER), answer("there", SEPTEMBER)
    keep_up(database, here)
    monkeypatch.setattr("time.time_ns", lambda: SEPTEMBER)
    with running_spool(here) as spool:
        spool.append(record())
    ship_all(here, database)
    monkeypatch.undo()
    assert keep_up(database, there)["retention"] > 0
    assert OLD_MONTH in months_of(database)
    assert keep_up(database, here)["retention"] == 0
    assert OLD_MONTH not in months_of(database)
    assert faults(database, here) == [Fault.UNWITNESSED]
