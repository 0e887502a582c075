"""Whether PostgreSQL holds what was answered: each request once, with as many rows as it asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.experiments.site.site import Site
from bench.experiments.soak.samples import BROKEN, Samples
from bench.gate.latency.load_plan import REQUEST_KINDS

_RECORDED = """
    SELECT substr(request_id, length(%s) + 2)::bigint, cardinality(probabilities)
    FROM prediction_requests WHERE request_id LIKE %s
"""


@dataclass(frozen=True, slots=True)
class Records:
    """Requests, and rows in them, on either side."""

    answered: int
    answered_rows: int
    recorded: int
    recorded_rows: int
    lost: int
    """Answered and not on record."""
    twice: int
    unanswered: int
    """On record, though the client got another status than 200. A broken connection may hide an answer."""

    @property
    def are_whole(self) -> bool:
        """Whether the record holds each answer once and nothing else."""
        return not (self.lost or self.twice or self.unanswered) and self.answered_rows == self.recorded_rows


def count_records(site: Site, name: str) -> int:
    """Records of one load so far."""
    ((count,),) = site.fetch("SELECT count(*) FROM prediction_requests WHERE request_id LIKE %s", f"{name}-%")
    return int(count)


def compare_records(site: Site, name: str, samples: Samples) -> Records:
    """Compare one load's answers with the table."""
    rows = np.array([kind.rows for kind in REQUEST_KINDS])[samples.kind]
    answered = samples.status == 200
    numbers = _numbers(site, name)
    times = np.bincount(numbers[:, 0], minlength=len(samples.number) + 1)
    refused = ~answered & (samples.status != BROKEN)
    return Records(
        answered=int(answered.sum()),
        answered_rows=int(rows[answered].sum()),
        recorded=len(numbers),
        recorded_rows=int(numbers[:, 1].sum()),
        lost=int((times[samples.number[answered]] == 0).sum()),
        twice=int((times > 1).sum()),
        unanswered=int((times[samples.number[refused]] > 0).sum()),
    )


def _numbers(site: Site, name: str) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    found: Iterable[tuple[int, int]] = site.fetch(_RECORDED, name, f"{name}-%")
    return np.array([*found], np.int64).reshape(-1, 2)
