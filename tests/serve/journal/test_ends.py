"""The ends of journals are anchored as they grow, and an anchor never goes back or aside."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from serve.journal import ends
from serve.journal.ends import JournalCut, anchor_journals
from serve.journal.table import PERSON_EVENTS
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchors import Anchors
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.review_policies import add_policy
from tests.serve.some_cases import add_case


def add_events(dsn: str, count: int) -> None:
    with connect(dsn) as connection:
        for _ in range(count):
            PERSON_EVENTS.append(connection, "anna", "login", {})


def anchor(dsn: str, spool: Path) -> None:
    """As the server does, with its rights."""
    anchor_journals(make_dsn(dsn, options="-c role=scoring_server"), AnchorBook(spool))


def sequences(spool: Path) -> list[int]:
    found = (Anchors(spool).of(journal.chain_id) for journal in ends.ANCHORED_JOURNALS)
    return [0 if one is None else one.sequence for one in found]


def test_anchors_go_on_with_their_journals(database: str, tmp_path: Path) -> None:
    anchor(database, tmp_path)
    assert sequences(tmp_path) == [0, 0, 0, 0]
    add_events(database, 2)
    anchor(database, tmp_path)
    assert sequences(tmp_path) == [2, 0, 0, 0]
    add_policy(database)
    add_events(database, 1)
    anchor(database, tmp_path)
    ((policies,),) = fetch(database, "SELECT max(number) FROM review_policies")
    assert sequences(tmp_path) == [3, policies, 0, 0]
    add_case(database)
    anchor(database, tmp_path)
    assert sequences(tmp_path) == [3, policies, 1, 0]


@pytest.mark.parametrize("added", [0, 1, 3])
def test_an_anchor_stays_where_a_journal_was_cut(database: str, tmp_path: Path, added: int) -> None:
    """Also where other events stand there now, fewer or more."""
    add_events(database, 3)
    anchor(database, tmp_path)
    before = Anchors(tmp_path).of(ends.PERSON_EVENTS.chain_id)
    execute(database, "ALTER TABLE person_events DISABLE TRIGGER ALL; DELETE FROM person_events WHERE number > 2")
    add_events(database, added)
    with pytest.raises(JournalCut, match="person_events: anchored events are missing"):
        anchor(database, tmp_path)
    assert Anchors(tmp_path).of(ends.PERSON_EVENTS.chain_id) == before


def test_a_cut_journal_keeps_no_other_from_its_anchor(database: str, tmp_path: Path) -> None:
    add_events(database, 1)
    anchor(database, tmp_path)
    execute(database, "ALTER TABLE person_events DISABLE TRIGGER ALL; DELETE FROM person_events")
    add_policy(database)
    with pytest.raises(JournalCut):
        anchor(database, tmp_path)
    assert sequences(tmp_path)[1] > 0
