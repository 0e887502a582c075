"""A full month of narrow requests: it rolls over, is verified and goes, and shipping goes on beside all of that."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from fraud.database import connect
from fraud.verdict import Verdict
from serve.audit.verification import Report, verify
from serve.prediction_log.anchor_book import AnchorBook
from tests.live_stack import wait_until
from tests.serve.narrow_requests import fill_with_narrow_requests
from tests.serve.prediction_log_rows import fetch, months_of, new_shipper, new_upkeep, record, running_spool

ORDINARY: Final = 50_000
FULL: Final = 100_000_000
BYTES_A_REQUEST: Final = 1_000
"""Rows, three indexes and WAL, generously."""
CHAINS: Final = 4
SHARE_BEHIND: Final = 0.02
"""Of the requests that fall into the month after."""
LATE_S: Final = 600.0

sizes = pytest.mark.parametrize(
    "requests",
    [ORDINARY, pytest.param(FULL, marks=[pytest.mark.long, pytest.mark.timeout(12 * 3600)])],
)


def full_month() -> tuple[dt.datetime, dt.timedelta]:
    """The beginning of a month that is to go when one month is kept, and its length."""
    now = dt.datetime.now(dt.UTC)
    month = now.year * 12 + now.month - 1 - 3
    first, behind = (dt.datetime(m // 12, m % 12 + 1, 1, tzinfo=dt.UTC) for m in (month, month + 1))
    return first, behind - first


@contextmanager
def shipping(dsn: str, folder: Path, anchors: AnchorBook) -> Iterator[list[int]]:
    """A server and its shipper at work; gives how many records were appended."""
    stop_serving, stop_shipping = threading.Event(), threading.Event()
    appended = [0]

    def serve() -> None:
        with running_spool(folder) as spool:
            while not stop_serving.wait(0.01):
                spool.append(record())
                appended[0] += 1

    server = threading.Thread(target=serve)
    shipper = threading.Thread(target=new_shipper(folder, dsn, anchors).run, args=(stop_shipping,))
    server.start()
    shipper.start()
    try:
        yield appended
    finally:
        stop_serving.set()
        server.join()
        stop_shipping.set()
        shipper.join()


def verified(dsn: str, folder: Path) -> Report:
    with connect(dsn) as connection:
        return verify(connection, folder)


def count_live(dsn: str) -> int:
    ((count,),) = fetch(dsn, "SELECT count(*) FROM prediction_requests WHERE request_id = 'r-1'")
    return int(count)


@sizes
def test_a_full_month_is_verified_and_goes_while_shipping_goes_on(database: str, tmp_path: Path, requests: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < requests * BYTES_A_REQUEST:
        pytest.skip(f"{requests} requests need {requests * BYTES_A_REQUEST / 1e9:.0f} GB")
    first, length = full_month()
    step = length * (1 + SHARE_BEHIND) / (requests // CHAINS)
    fill_with_narrow_requests(database, tmp_path, requests, first, step, CHAINS)
    old_month, next_month = (f"prediction_requests_{moment:%Y%m}" for moment in (first, first + length))
    assert {old_month, next_month} <= set(months_of(database))
    behind = fetch(database, f"SELECT count(*) FROM {next_month}")[0][0]  # noqa: S608 - this test's own
    assert 0 < behind < 2 * SHARE_BEHIND * requests

    anchors = AnchorBook(tmp_path)
    with shipping(database, tmp_path, anchors) as appended:
        wait_until(lambda: count_live(database) > 0, 60, "shipping has begun")
        before = verified(database, tmp_path)
        assert (before.verdict, before.findings) == (Verdict.PASS, ())
        assert before.records > requests
        shipped = count_live(database)
        upkeep = new_upkeep(tmp_path, database, retention_months=2, anchors=anchors)
        wait_until(lambda: goes(upkeep.keep_up, database, old_month), LATE_S, "the full month goes")
        wait_until(lambda: count_live(database) > shipped, 60, "shipping goes on")
        after = verified(database, tmp_path)
        assert (after.verdict, after.findings) == (Verdict.PASS, ())
        assert behind < after.records < requests
    assert count_live(database) == appended[0]
    assert verified(database, tmp_path).records == behind + appended[0]


def goes(keep_up: Callable[[], None], dsn: str, month: str) -> bool:
    keep_up()
    return not any(name.startswith(month) for name in months_of(dsn))
