"""What the latency half of the gate found."""

from __future__ import annotations

from dataclasses import dataclass

from fraud.statistics.interval import Interval
from fraud.verdict import Verdict


@dataclass(frozen=True, slots=True)
class KindLatency:
    """Latencies of one kind of request on either side, from the intended start, microseconds."""

    name: str
    rows: int
    target_rps: float
    champion_p50_us: float
    champion_p99_us: float
    candidate_p50_us: float
    candidate_p99_us: float
    p50_ratio: Interval
    """Candidate over champion."""
    p99_ratio: Interval
    requests: int
    """On the candidate's side."""


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """The verdict on latency and the figures behind it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """One sentence each: why it fails or is inconclusive; if it passes, what was compared."""
    kinds: tuple[KindLatency, ...]
    pairs: int
    """Pairs of neighbouring windows that count."""
    void_windows: tuple[int, int]
    """Windows of champion and candidate that began late or did not reach their rate; they count for nothing."""
    errors: tuple[str, ...]
    """Answers other than 200 in pairs of windows that count, the first few of either side."""
