"""Request bodies with fresh random applications.

An engine that sees the same rows again and again answers up to three times faster, because the processor learns
their branches; so every body is drawn again. Drawing must not cost more than answering, or the client would be what
is measured: rows are encoded once, and a body is a random choice among many more of them than any cache remembers.
"""

from __future__ import annotations

import random
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from fraud.api_keys import bearer
from fraud.features import FEATURE_NAMES, FEATURES

POOL_ROWS: Final = 50_000
NAMED_VALUE_SHARE: Final = 0.18
"""Of the values of a feature that may stand for something else than an amount, such as people without a job."""
# Drift monitoring must not count these requests.
_HEADERS: Final = {"Content-Type": "application/json", "X-Load-Test": "true"}


class Applications:
    """An endless source of bodies for `/predict` and `/batch_predict`; the same seed returns the same bodies."""

    def __init__(self, seed: int, pool_rows: int = POOL_ROWS) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a load test needs speed and a seed, not secrecy
        self._pool = encode_instances(random_rows(pool_rows, np.random.default_rng(seed)))

    def single(self) -> bytes:
        """A body of `/predict`."""
        return self._random.choice(self._pool)

    def batch(self, rows: int) -> bytes:
        """A body of `/batch_predict`."""
        return join_instances(self._random.choices(self._pool, k=rows))


def request_headers(api_key: str | None) -> dict[str, str]:
    """What all requests say."""
    return {**_HEADERS, **bearer(api_key)}


def random_rows(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Plausible applications as clients write them, amounts with two decimals, [count, F]."""
    columns = []
    for feature in FEATURES:
        values = generator.uniform(*feature.typical, size=count)
        values = np.rint(values) if feature.integral else values.round(2)
        if feature.values:
            named = generator.choice(list(feature.values.values()), size=count)
            is_named = generator.random(count) < (1.0 if feature.is_enumerated else NAMED_VALUE_SHARE)
            values = np.where(is_named, named, values)
        columns.append(values)
    return np.column_stack(columns)


def encode_instances(rows: NDArray[np.float64]) -> list[bytes]:
    """Each row as the JSON object that the contract asks for."""
    return [orjson.dumps(dict(zip(FEATURE_NAMES, row, strict=True))) for row in rows.tolist()]


def join_instances(instances: list[bytes]) -> bytes:
    """Encoded rows as one body of `/batch_predict`."""
    return b'{"instances":[' + b",".join(instances) + b"]}"
