"""Real servers under the real load: one that is slowed by 30% is found out, one that is not is left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.load_process import LoadProcess, load_process
from bench.gate.latency.measure import Effort, measure
from bench.gate.latency.report import LatencyReport
from bench.gate.latency.servers import SERVER_COMMAND, served
from fraud.api_keys import API_KEYS, ApiKey, Role
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole
from fraud.verdict import Verdict
from tests.bench.gate.latency.slowed_server import slowed_command
from tests.live_stack import API_KEY, LiveStack

TRIALS = 20
ALLOWED_MISTAKES = 1
RULE = LatencyRule(max_ratio=1.10, too_noisy_ratio=2.0, max_p99_us={})


Serve = Callable[[str, tuple[str, ...]], str]
"""Starts a server of production's version by a command, in a folder of that name; gives its address."""


@pytest.fixture
def serve(stack: LiveStack, tmp_path: Path) -> Iterator[Serve]:
    registry = Registry(stack.tracking_uri, "divorce-model")
    version = registry.version_of(PRODUCTION)
    assert version is not None
    settings = {
        "DATABASE_URL": stack.dsn(DatabaseRole.SERVER),
        "SERVER_DB_PASSWORD": "",
        API_KEYS: str(ApiKey.of(API_KEY, "gate", [Role.SCORE])),
    }
    with ExitStack() as at_end:

        def start(name: str, command: tuple[str, ...]) -> str:
            folder = tmp_path / name
            folder.mkdir()
            return at_end.enter_context(served(registry, version, folder, settings, command))

        yield start


def gate(load: LoadProcess, champion: str, candidate: str, effort: Effort) -> LatencyReport:
    return measure(
        (champion, candidate), load, REQUEST_KINDS, rule=RULE, effort=effort, progress=lambda done, most: None
    )


def test_servers_side_by_side_are_measured_to_the_end(stack: LiveStack, serve: Serve) -> None:
    candidate = serve("candidate", SERVER_COMMAND)
    with load_process(REQUEST_KINDS, API_KEY, seed=1) as load:
        report = gate(load, stack.url, candidate, Effort(window_s=0.5, min_pairs=2, max_pairs=2))
    assert [kind.name for kind in report.kinds] == [kind.name for kind in REQUEST_KINDS]
    assert all(kind.candidate_p99_us >= kind.candidate_p50_us > 0 for kind in report.kinds)
    assert report.errors == ()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_slowed_candidate_is_rejected_and_an_equal_one_passes(serve: Serve) -> None:
    champion, equal = serve("champion", SERVER_COMMAND), serve("equal", SERVER_COMMAND)
    slowed = serve("slowed", slowed_command(0.3))
    effort = Effort(window_s=2.0, min_pairs=8, max_pairs=24)
    with load_process(REQUEST_KINDS, API_KEY, seed=1) as load:
        of_slowed = [gate(load, champion, slowed, effort).verdict for _ in range(TRIALS)]
        of_equal = [gate(load, champion, equal, effort).verdict for _ in range(TRIALS)]
    assert of_slowed.count(Verdict.FAIL) >= TRIALS - ALLOWED_MISTAKES, of_slowed
    assert of_equal.count(Verdict.PASS) >= TRIALS - ALLOWED_MISTAKES, of_equal
