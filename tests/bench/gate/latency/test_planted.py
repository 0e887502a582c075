"""Real servers under the real load: one that is slowed by 30% is found out, one that is not is left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.gate.latency.judge import LatencyRule
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.load_processes import LoadProcesses, load_processes
from bench.gate.latency.measure import Effort, measure
from bench.gate.latency.report import LatencyReport
from bench.gate.latency.servers import SERVER_COMMAND, served
from fraud.api_keys import SCORING_API_KEY, Role, key_settings
from fraud.registry import PRODUCTION, Registry
from fraud.settings import DatabaseRole
from fraud.verdict import Verdict
from tests.bench.gate.latency.slowed_server import slowed_command
from tests.live_stack import LiveStack

TRIALS = 20
ALLOWED_MISTAKES = 1
RULE = LatencyRule(max_ratio=1.10, too_noisy_ratio=2.0, max_p99_us={})


class Servers:
    """The same model three times: twice as it is, once slowed."""

    def __init__(self, champion: str, equal: str, slowed: str, load: LoadProcesses) -> None:
        self.champion = champion
        self.equal = equal
        self.slowed = slowed
        self._load = load

    def gate(self, candidate: str, effort: Effort) -> LatencyReport:
        return measure(
            (self.champion, candidate),
            self._load,
            REQUEST_KINDS,
            rule=RULE,
            effort=effort,
            progress=lambda done, most: None,
        )


@pytest.fixture(scope="module")
def servers(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    registry = Registry(stack.tracking_uri, "divorce-model")
    version = registry.version_of(PRODUCTION)
    assert version is not None
    settings = {
        "DATABASE_URL": stack.dsn(DatabaseRole.SERVER),
        "SERVER_DB_PASSWORD": "",
        **key_settings("gate", Role.SCORE),
    }
    with ExitStack() as at_end:

        def start(name: str, command: tuple[str, ...]) -> str:
            folder: Path = tmp_path_factory.mktemp(name)
            return at_end.enter_context(served(registry, version, folder, settings, command))

        champion, equal = start("champion", SERVER_COMMAND), start("equal", SERVER_COMMAND)
        slowed = start("slowed", slowed_command(0.3))
        yield Servers(
            champion,
            equal,
            slowed,
            at_end.enter_context(load_processes(1, REQUEST_KINDS, settings[SCORING_API_KEY], seed=1)),
        )


def test_servers_side_by_side_are_measured_to_the_end(servers: Servers) -> None:
    report = servers.gate(servers.equal, Effort(window_s=0.5, min_pairs=2, max_pairs=2))
    assert [kind.name for kind in report.kinds] == [kind.name for kind in REQUEST_KINDS]
    assert all(kind.candidate_p99_us >= kind.candidate_p50_us > 0 for kind in report.kinds)
    assert report.errors == ()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_slowed_candidate_is_rejected_and_an_equal_one_passes(servers: Servers) -> None:
    effort = Effort(window_s=2.0, min_pairs=8, max_pairs=24)
    slowed = [servers.gate(servers.slowed, effort).verdict for _ in range(TRIALS)]
    equal = [servers.gate(servers.equal, effort).verdict for _ in range(TRIALS)]
    assert slowed.count(Verdict.FAIL) >= TRIALS - ALLOWED_MISTAKES, slowed
    assert equal.count(Verdict.PASS) >= TRIALS - ALLOWED_MISTAKES, equal
