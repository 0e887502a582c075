"""More server processes on the port make nobody wait longer: p99 stays within 20% of one process's.

A listener shared in the usual way would cost a keep-alive request up to 40 ms more, and crowd most connections into one
process (`serve/workers/listener.py`).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.load_process import load_process
from bench.gate.latency.measure import Effort, measure
from bench.gate.latency.servers import SERVER_COMMAND, served
from fraud.api_keys import SCORING_API_KEY, Role, key_settings
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole
from fraud.verdict import Verdict
from tests.live_stack import LiveStack

WITHIN_20_PERCENT = LatencyRule(max_ratio=1.20, too_noisy_ratio=2.0, max_p99_us={})


@pytest.mark.long
def test_p99_of_all_workers_is_within_20_percent_of_ones(stack: LiveStack, tmp_path: Path) -> None:
    registry = Registry(stack.tracking_uri, "divorce-model")
    version = registry.version_of(PRODUCTION)
    assert version is not None
    settings = {
        "DATABASE_URL": stack.dsn(DatabaseRole.SERVER),
        "SERVER_DB_PASSWORD": "",
        **key_settings("bench", Role.SCORE),
    }
    with ExitStack() as at_end:
        urls = tuple(
            at_end.enter_context(
                served(registry, version, tmp_path / f"{workers}", settings, SERVER_COMMAND, workers=workers)
            )
            for workers in (1, os.cpu_count() or 1)
        )
        report = measure(
            (urls[0], urls[1]),
            at_end.enter_context(load_process(REQUEST_KINDS, settings[SCORING_API_KEY], seed=1)),
            REQUEST_KINDS,
            rule=WITHIN_20_PERCENT,
            effort=Effort(window_s=2.0, min_pairs=12, max_pairs=24),
            progress=lambda done, most: None,
        )
    for kind in report.kinds:
        print(f"{kind.name}: median {kind.p50_ratio}, p99 {kind.p99_ratio} of one worker's")  # noqa: T201 - the figures
    assert report.verdict is Verdict.PASS, report.reasons
