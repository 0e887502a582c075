"""The measurement: pairs of windows in random order, until the verdict is clear or the time is up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.gate.latency.judge import LatencyRule, Pair, judge
from bench.gate.latency.load_plan import RequestKind
from bench.gate.latency.load_process import LoadProcess
from bench.gate.latency.report import LatencyReport
from fraud.verdict import Verdict

WARM_UP_S: Final = 1.0
PAIRS_AT_A_TIME: Final = 4


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look; at most `max_pairs`, at least `min_pairs`, both at least 1."""

    window_s: float
    min_pairs: int
    max_pairs: int


Progress = Callable[[int, int], None]
"""Pairs measured so far, and at most -> shown to whoever waits."""


def measure(
    urls: tuple[str, str],
    load: LoadProcess,
    kinds: Sequence[RequestKind],
    *,
    rule: LatencyRule,
    effort: Effort,
    progress: Progress,
) -> LatencyReport:
    """Load the servers of champion and candidate in turns and judge the candidate's.

    The order within each pair is random, so that no side always comes after the other. After `min_pairs` the
    measurement ends as soon as the verdict is not "can't tell", and after `max_pairs` at the latest.
    """
    load.run([*urls, *reversed(urls)], WARM_UP_S)
    order = random.Random(time.time_ns())  # noqa: S311 - an order of windows, no secret
    pairs: list[Pair] = []
    while True:
        pairs += _pairs(urls, load, min(PAIRS_AT_A_TIME, effort.max_pairs - len(pairs)), effort.window_s, order)
        progress(len(pairs), effort.max_pairs)
        if len(pairs) < effort.min_pairs:
            continue
        report = judge(pairs, kinds, rule)
        if report.verdict is not Verdict.INCONCLUSIVE or len(pairs) >= effort.max_pairs:
            return report


def _pairs(urls: tuple[str, str], load: LoadProcess, count: int, window_s: float, order: random.Random) -> list[Pair]:
    champion_first = [order.random() < 0.5 for _ in range(count)]
    asked = [url for first in champion_first for url in (urls if first else reversed(urls))]
    found = load.run(asked, window_s)
    sides = zip(found[::2], found[1::2], champion_first, strict=True)
    return [Pair(one, other) if first else Pair(other, one) for one, other, first in sides]
