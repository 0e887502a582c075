"""What tells which answers are on record: claims on the disk, beside what the log has."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from serve.batch import recording, shipping
from serve.batch.answers import answer
from serve.batch.errors import RecordError, ResumeError
from serve.batch.places import Chunk, JobPlaces, PlaceJournal
from serve.batch.recording import PredictionLog, Recorder, Recording
from serve.batch.shipping import wait_until_shipped
from serve.batch.worker import ModelChoice
from serve.decoding import DecodedRows
from serve.prediction_log.place import recorded_up_to
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.spool import Spool
from tests.live_stack import wait_until
from tests.serve.batch.scoring_files import VERSION, good_rows
from tests.serve.prediction_log_rows import record, running_spool


@pytest.fixture
def places(tmp_path: Path) -> JobPlaces:
    made = JobPlaces(tmp_path / "places", "a" * 32)
    made.begin()
    return made


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(spool_folder: Path) -> Iterator[Spool]:
    with running_spool(spool_folder) as running:
        yield running


def _record(spool: Spool, journal: PlaceJournal, *chunks: Chunk) -> RecordPlace:
    """Record chunks; gives the place of the last."""
    told: list[RecordPlace] = []

    def claim(place: RecordPlace, chunk: Chunk) -> None:
        told.append(place)
        journal.claim(place, chunk)

    for chunk in chunks:
        spool.append(record(rows=2), partial(claim, chunk=chunk))
    return told[-1]


def test_a_written_claim_is_recorded(places: JobPlaces, spool: Spool, spool_folder: Path) -> None:
    journal = PlaceJournal(places.folder)
    last = _record(spool, journal, Chunk(0, 0), Chunk(0, 1), Chunk(5, 0))
    assert places.chains() == [last.chain_id]
    assert places.recorded(spool_folder) == {0: {0, 1}, 5: {0}}


def test_an_unwritten_claim_is_not_recorded(places: JobPlaces, spool: Spool, spool_folder: Path) -> None:
    journal = PlaceJournal(places.folder)
    last = _record(spool, journal, Chunk(0, 0))
    journal.claim(RecordPlace(last.chain_id, last.sequence + 1), Chunk(0, 1))
    assert places.recorded(spool_folder) == {0: {0}}


def test_the_last_claim_of_a_place_holds(places: JobPlaces, spool: Spool, spool_folder: Path) -> None:
    journal = PlaceJournal(places.folder)
    last = _record(spool, journal, Chunk(0, 0))
    journal.claim(RecordPlace(last.chain_id, last.sequence + 1), Chunk(0, 1))
    spool.append(record(), partial(journal.claim, chunk=Chunk(3, 0)))
    assert places.recorded(spool_folder) == {0: {0}, 3: {0}}


def test_a_claim_that_was_cut_off_is_none(places: JobPlaces, spool: Spool, spool_folder: Path) -> None:
    journal = PlaceJournal(places.folder)
    last = _record(spool, journal, Chunk(0, 0))
    path = places.folder / last.chain_id.hex
    whole = path.read_bytes()
    for rest in (b"\x01", whole[:19], bytes(20)):
        path.write_bytes(whole + rest)
        assert places.recorded(spool_folder) == {0: {0}}


def test_claims_that_are_gone_are_told(places: JobPlaces, spool: Spool, spool_folder: Path) -> None:
    journal = PlaceJournal(places.folder)
    last = _record(spool, journal, Chunk(0, 0), Chunk(0, 1))
    path = places.folder / last.chain_id.hex
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ResumeError, match="does not have record 2 of its chain"):
        places.recorded(spool_folder)


def test_claims_of_a_job_that_was_given_up_go_with_the_next(places: JobPlaces, tmp_path: Path) -> None:
    JobPlaces(tmp_path / "places", "b" * 32).begin()
    with pytest.raises(ResumeError, match="but in another RUN_DIR or on another machine"):
        places.refuse_missing()


def test_records_of_a_chain_are_counted_in_the_spool(spool: Spool, places: JobPlaces, spool_folder: Path) -> None:
    last = _record(spool, PlaceJournal(places.folder), Chunk(0, 0), Chunk(0, 1))
    assert recorded_up_to(spool_folder, last.chain_id) == last.sequence == 2


def test_records_that_nobody_ships_are_told_of(
    places: JobPlaces, spool: Spool, spool_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PATIENCE_S", 0.0)
    last = _record(spool, PlaceJournal(places.folder), Chunk(0, 0), Chunk(0, 1))
    with pytest.raises(RecordError, match=r"2 of their records wait in .*, since PostgreSQL accepts none"):
        wait_until_shipped(spool_folder, [last.chain_id])


def test_a_full_spool_ends_the_run_in_words(
    model: ModelChoice, places: JobPlaces, spool_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PATIENCE_S", 0.0)
    log = PredictionLog(spool_folder, max_bytes=1_000, dsn="", key=None)
    loaded = model.load(VERSION)
    rows = DecodedRows(good_rows(2), None, None)
    recorder = Recorder(Recording(log, "a" * 32, places.folder, {}))
    try:
        with pytest.raises(RecordError, match=r"accepts no record .*run the same command again to resume"):
            recorder.record(Chunk(0, 0), answer(loaded, rows, 0), loaded)
    finally:
        recorder.close()


def test_the_shipper_gives_way_with_no_session_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "host=/nowhere dbname=none")
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    with shipping.shipping(tmp_path):
        (process,) = multiprocessing.active_children()
        assert process.pid is not None
        wait_until(lambda: os.getsid(process.pid or 0) == process.pid, 100, "the shipper has a session of its own")
    assert not multiprocessing.active_children()
