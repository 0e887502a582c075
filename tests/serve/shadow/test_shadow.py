"""What is shipped is scored once more: as the other version would have answered, while there is time, or not at all."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.shipper import Shipper
from serve.prediction_log.table import ChainPart, LogTable
from serve.shadow.metrics import ShadowMetrics
from serve.shadow.shadow import Shadow
from serve.shadow.table import ShadowTable
from serve.shadow.waiting import WaitingRecords
from tests.convert.small_models import applications, convert_small, fit
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool
from tests.serve.shadow.small_registry import SmallRegistry, new_model, samples

SIZES = (1, 2, 300, 1)
ROWS = "SELECT sequence, model_version, model_sha256, probabilities FROM shadow_predictions ORDER BY sequence"
COUNT = "SELECT count(*) FROM prediction_requests"


@pytest.fixture(scope="module")
def candidate() -> bytes:
    return convert_small(fit(base_score=0.4)).model


@pytest.fixture
def registry(candidate: bytes) -> SmallRegistry:
    registry = SmallRegistry()
    registry.add(7, candidate)
    return registry


class Site:
    """A shipper with a shadow, and what it counts."""

    def __init__(
        self, dsn: str, folder: Path, registry: SmallRegistry, share: float = 1.0, max_rows: int = 100_000
    ) -> None:
        self.metrics = ShadowMetrics()
        self.model = new_model(registry, folder, self.metrics)
        self.waiting = WaitingRecords(max_rows)
        self.shadow = Shadow(self.model, ShadowTable(dsn), share, self.metrics, self.waiting)
        self.spool = folder / "spool"
        self._shipper = Shipper(
            self.spool, LogTable(dsn), AnchorBook(self.spool), 0.01, LogMetrics(), on_shipped=self.shadow.offer
        )

    def ship(self, *records: PredictionRecord) -> None:
        with running_spool(self.spool) as spool:
            for one in records:
                spool.append(one)
        while self._shipper.ship():
            pass

    def wait_for(self, **outcomes: int) -> None:
        wait_until(lambda: samples(self.metrics) == outcomes, 60, f"{outcomes}, not {samples(self.metrics)}")


def answered(rows: int, **changes: object) -> PredictionRecord:
    features = np.ascontiguousarray(np.nan_to_num(applications(rows, seed=rows)))
    return record(rows=rows, features=features, **changes)


@pytest.fixture
def site(database: str, tmp_path: Path, registry: SmallRegistry) -> Iterator[Site]:
    site = Site(database, tmp_path, registry)
    site.model.look()
    with site.shadow.running():
        yield site


def test_rows_are_what_the_version_would_have_answered(site: Site, database: str, candidate: bytes) -> None:
    records = [answered(rows, request_id=f"r{place}") for place, rows in enumerate(SIZES, 1)]
    site.ship(*records)
    site.wait_for(written=len(SIZES))
    assert site.model.active is not None
    found = fetch(database, ROWS)
    for (sequence, version, sha256, probabilities), one in zip(found, records, strict=True):
        expected = site.model.active.engine.score(one.features)
        assert np.array(probabilities, np.float32).tobytes() == expected.tobytes(), sequence
        assert (version, bytes(sha256)) == (7, hashlib.sha256(candidate).digest())
    shown = fetch(
        database,
        "SELECT request_id, row_number, model_version, divorce_probability, shadow_version, shadow_probability"
        " FROM shadow_logs WHERE request_id = 'r2' ORDER BY row_number",
    )
    expected = site.model.active.engine.score(records[1].features)
    assert [row[:3] + row[4:5] for row in shown] == [("r2", 0, 3, 7), ("r2", 1, 3, 7)]
    assert [np.float32(row[3]) for row in shown] == list(records[1].probabilities)
    assert [np.float32(row[5]) for row in shown] == list(expected)


def test_load_tests_have_no_shadow(site: Site, database: str) -> None:
    site.ship(answered(1, load_test=True), answered(1))
    site.wait_for(written=1)
    assert [row[0] for row in fetch(database, ROWS)] == [2]


def test_only_a_share_is_scored_and_anybody_can_say_which(
    database: str, tmp_path: Path, registry: SmallRegistry
) -> None:
    site = Site(database, tmp_path, registry, share=0.25)
    site.model.look()
    with site.shadow.running():
        site.ship(*(answered(1) for _ in range(200)))
        ((drawn,),) = fetch(database, "SELECT count(*) FROM prediction_requests WHERE get_byte(hash, 0) < 64")
        site.wait_for(written=drawn)
    assert 0 < drawn < 200
    missing = "SELECT count(*) FROM prediction_requests AS r JOIN shadow_predictions USING (chain_id, sequence)"
    assert fetch(database, f"{missing} WHERE get_byte(r.hash, 0) < 64") == [(drawn,)]


def test_more_than_there_is_time_for_is_dropped_and_counted(
    database: str, tmp_path: Path, registry: SmallRegistry
) -> None:
    site = Site(database, tmp_path, registry, max_rows=10)
    site.model.look()
    site.ship(*(answered(4) for _ in range(5)))  # nothing scores yet
    assert samples(site.metrics) == {"dropped": 3}
    with site.shadow.running():
        site.wait_for(dropped=3, written=2)
    assert fetch(database, COUNT) == [(5,)]
    assert [row[0] for row in fetch(database, ROWS)] == [1, 2]


def test_shipping_that_is_behind_comes_first(database: str, tmp_path: Path, registry: SmallRegistry) -> None:
    site = Site(database, tmp_path, registry)
    kept: list[StoredRecord] = []

    def keep(parts: list[ChainPart], *, is_behind: bool) -> None:
        assert not is_behind
        site.shadow.offer(parts, is_behind=True)
        kept.extend(one for part in parts for one in part.records)

    site._shipper._on_shipped = keep  # type: ignore[assignment]
    site.ship(answered(1), answered(2))
    assert len(kept) == 2
    assert samples(site.metrics) == {"dropped": 2}
    assert site.waiting.take(0) == []


def test_without_a_version_requests_are_counted_and_no_more(
    database: str, tmp_path: Path, registry: SmallRegistry
) -> None:
    site = Site(database, tmp_path, registry)
    registry.aliases.clear()
    site.model.look()
    with site.shadow.running():
        site.ship(answered(1), answered(1))
        site.wait_for(no_model=2)
    assert (fetch(database, COUNT), fetch(database, ROWS)) == ([(2,)], [])


def test_table_at_fault_is_told_once_and_stops_no_shipping(
    site: Site, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database, "ALTER TABLE shadow_predictions RENAME TO elsewhere")
    with caplog.at_level(logging.WARNING, "serve.shadow"):
        for number in range(1, 4):
            site.ship(answered(1))
            site.wait_for(failed=number)
        assert fetch(database, COUNT) == [(3,)]
        execute(database, "ALTER TABLE elsewhere RENAME TO shadow_predictions")
        site.ship(answered(1))
        site.wait_for(failed=3, written=1)
    told = [line for line in caplog.messages if "the shadow's table" in line]
    assert len(told) == 2
    assert "is not logged again" in told[0]
    assert told[1].endswith("works again")
