"""Anchors get elsewhere, sooner or later; a place that does not take them holds up nothing."""

from __future__ import annotations

import http.server
import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from serve.prediction_log.anchor import Register, SentAnchor
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_place import FolderPlace, HttpPlace, SentAnchors, place_of
from serve.prediction_log.anchor_sender import AnchorSender
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.table import ChainEnd
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import fetch, new_shipper, record, running_spool
from tests.serving import serving

CHAIN = uuid.UUID(int=2**90)


class Collector:
    """An address that keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[SentAnchors] = []
        self.status = 204
        self.url = ""

    def sequences(self) -> list[int]:
        return [anchor.sequence for body in self.bodies for anchor in body.anchors]


@contextmanager
def _serving(collector: Collector) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.status == 204:
                collector.bodies.append(msgspec.json.decode(body, type=SentAnchors))
            self.send_response(collector.status)
            self.send_header("Location", "/")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        collector.url = f"http://name:password@127.0.0.1:{server.server_port}/anchors"
        yield


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with _serving(collector):
        yield collector


@pytest.fixture
def book(tmp_path: Path) -> AnchorBook:
    book = AnchorBook(tmp_path / "spool")
    book.move(ChainEnd(CHAIN, 1, bytes(32)))
    return book


def lines(path: Path) -> list[int]:
    return [msgspec.json.decode(line, type=SentAnchor).sequence for line in path.read_bytes().splitlines() if line]


def test_a_folder_gets_a_line_for_each_anchor_and_none_twice(tmp_path: Path, book: AnchorBook) -> None:
    place = tmp_path / "else where"
    place.mkdir()
    for _ in range(2):  # a second sender is one after a restart
        AnchorSender(Anchors(tmp_path / "spool"), place_of(place.as_uri())).send()
    sender = AnchorSender(Anchors(tmp_path / "spool"), FolderPlace(place))
    for sequence in (2, 2, 3):
        book.move(ChainEnd(CHAIN, sequence, bytes(32)))
        sender.send()
    assert lines(place / CHAIN.hex) == [1, 2, 3]
    assert len(msgspec.json.decode((place / "register").read_bytes(), type=Register).chains) == 0


def test_a_line_that_was_cut_off_stays_alone(tmp_path: Path, book: AnchorBook) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / CHAIN.hex).write_bytes(b'{"chain":')
    AnchorSender(Anchors(tmp_path / "spool"), FolderPlace(tmp_path / "place")).send()
    cut, whole = (tmp_path / "place" / CHAIN.hex).read_bytes().splitlines()
    assert cut == b'{"chain":'
    assert msgspec.json.decode(whole, type=SentAnchor).sequence == 1


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, book: AnchorBook) -> None:
    """It is where a file system is to be: what is written beneath it would be lost to it."""
    with pytest.raises(OSError, match="No such file"):
        AnchorSender(Anchors(tmp_path / "spool"), FolderPlace(tmp_path / "unmounted")).send()
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize("status", [400, 500, 302, 308], ids=lambda status: f"answer {status}")
def test_a_refused_anchor_is_sent_again(tmp_path: Path, book: AnchorBook, collector: Collector, status: int) -> None:
    sender = AnchorSender(Anchors(tmp_path / "spool"), HttpPlace(collector.url))
    collector.status = status
    with pytest.raises(SpoolError, match=str(status)) as refusal:
        sender.send()
    assert "password" not in str(refusal.value)
    collector.status = 204
    book.move(ChainEnd(CHAIN, 2, bytes(32)))
    for _ in range(2):
        sender.send()
    assert collector.sequences() == [2]


def test_an_address_that_answers_nothing_is_given_up(tmp_path: Path, book: AnchorBook) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as silent:
        place = HttpPlace(f"http://name:password@127.0.0.1:{silent.server_port}/", timeout_s=0.2)
        with pytest.raises(SpoolError, match="ReadTimeout") as refusal:
            AnchorSender(Anchors(tmp_path / "spool"), place).send()
    assert "password" not in str(refusal.value)


def test_a_place_that_is_away_stops_no_shipping_and_is_behind(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    spool_folder, place = tmp_path / "spool", tmp_path / "place"
    book, metrics, stop = AnchorBook(spool_folder), LogMetrics(), threading.Event()
    with running_spool(spool_folder) as spool:
        spool.append(record())
    new_shipper(spool_folder, database, book).ship()
    sender = AnchorSender(Anchors(spool_folder), FolderPlace(place))
    thread = threading.Thread(target=sender.run, args=(stop, metrics.upkeep))
    thread.start()
    behind = metrics.upkeep.behind_s.labels("anchors")
    wait_until(lambda: behind._value.get() > 0, 10, "it is behind")
    with running_spool(spool_folder) as spool:
        spool.append(record())
    new_shipper(spool_folder, database, book).ship()
    assert fetch(database, "SELECT count(*) FROM prediction_requests") == [(2,)]
    place.mkdir()
    wait_until(lambda: behind._value.get() == 0, 20, "it has caught up")
    stop.set()
    thread.join()
    assert len(list(place.iterdir())) == 3
