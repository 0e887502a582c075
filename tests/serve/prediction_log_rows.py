"""Records, spools and what PostgreSQL holds of them, for the tests of the prediction log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg2 import sql

from fraud.database import connect
from fraud.features import FEATURE_COUNT
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.chain import microseconds
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.record import PredictionRecord
from serve.prediction_log.shipper import Shipper
from serve.prediction_log.spool import Spool, Sync
from serve.prediction_log.table import LogTable
from serve.prediction_log.upkeep import Upkeep
from serve.prediction_log.upkeep_table import UpkeepTable

RECEIVED_AT = dt.datetime(2026, 4, 30, 23, 59, 59, 123456, tzinfo=dt.UTC)
PLENTY = 1024**3
MONTHS = "^prediction_requests_[0-9]{6}"


def record(rows: int = 1, **changes: Any) -> PredictionRecord:
    generator = np.random.default_rng(rows)
    defaults: dict[str, Any] = {
        "request_id": "r-1",
        "received_at": microseconds(RECEIVED_AT),
        "endpoint": "/batch_predict",
        "caller": "anonymous",
        "model_version": 3,
        "model_sha256": bytes(range(32)),
        "load_test": False,
        "application_ids": None,
        "applicant_refs": None,
        "features": generator.lognormal(5, 3, (rows, FEATURE_COUNT)).astype(np.float32),
        "probabilities": generator.random(rows, dtype=np.float32),
    }
    return PredictionRecord(**(defaults | changes))


def some_reasons(rows: int, count: int = 2) -> NDArray[np.float32]:
    """Reasons as a record has them: the last features first."""
    pairs = np.empty((rows, count, 2), np.float32)
    pairs[:, :, 0] = np.arange(FEATURE_COUNT - 1, FEATURE_COUNT - 1 - count, -1)
    pairs[:, :, 1] = np.random.default_rng(rows).normal(0, 0.3, (rows, count))
    return pairs.reshape(rows, 2 * count)


@contextmanager
def running_spool(folder: Path, sync: Sync = Sync.OS, **limits: Any) -> Iterator[Spool]:
    spool = Spool(folder, **({"max_bytes": PLENTY} | limits), sync=sync)
    spool.start()
    try:
        yield spool
    finally:
        spool.stop()


def left_open(path: Path) -> Path:
    """Give a segment the name that it has while its process lives, as one that died leaves it."""
    return path.rename(path.with_suffix(".open"))


def anchor_files(spool_folder: Path) -> list[Path]:
    """The anchors of chains, without what is written beside them."""
    return sorted(path for path in (spool_folder / "anchors").iterdir() if path.name != "register")


def new_shipper(folder: Path, dsn: str, anchors: AnchorBook | None = None) -> Shipper:
    return Shipper(folder, LogTable(dsn), anchors or AnchorBook(folder), 0.01, LogMetrics())


def new_upkeep(folder: Path, dsn: str, retention_months: int = 24, **changes: Any) -> Upkeep:
    defaults: dict[str, Any] = {"anchors": AnchorBook(folder), "metrics": LogMetrics()}
    return Upkeep(UpkeepTable(dsn, retention_months), **(defaults | changes))


def ship_all(folder: Path, dsn: str, key: AnchorKey | None = None) -> None:
    shipper = new_shipper(folder, dsn, AnchorBook(folder, key))
    while shipper.ship():
        pass


def fetch(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def execute(dsn: str, statement: str | sql.Composed, *values: Any) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def fill_month(dsn: str, month: str, chains: int, requests: int) -> None:
    """Have PostgreSQL make requests without rows in a month `YYYYMM` of the past, of so many chains."""
    first = dt.datetime.strptime(month + "+0000", "%Y%m%z")
    execute(dsn, "SELECT make_prediction_partition(%s)", first)
    execute(
        dsn,
        sql.SQL(
            "INSERT INTO {} (chain_id, sequence, recorded_at, received_at, request_id, endpoint, caller, model_version,"
            " model_sha256, load_test, features, probabilities, salt, content_digest, hash)"
            " SELECT md5((number %% %s)::text)::uuid, 1 + number / %s, moment, moment, '', '', '', 1, '', false,"
            " '{{}}', '{{}}', '', '', '' FROM generate_series(0, %s - 1) AS number, LATERAL (SELECT %s AS moment)"
        ).format(sql.Identifier(f"prediction_requests_{month}")),
        *(chains, chains, requests, first),
    )


def months_of(dsn: str) -> list[str]:
    """All tables that are, or were, months of the log."""
    return [
        name
        for (name,) in fetch(
            dsn, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s ORDER BY 1", MONTHS
        )
    ]
