"""Five servers change their model together; what can't be promised of one that is cut off, it makes good by itself."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable

import pytest

from bench.gate.errors import DeploymentError
from bench.gate.promotion import promote, rollback
from fraud.verdict import Verdict
from tests.live_stack import API_KEY, LiveStack, project_environment, wait_until
from tests.several_servers.fleet import FOLLOW_S, LEASE_S, Fleet

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]


def nobody_else() -> None:
    """The lock holds."""


def once_all_are_prepared(act: Callable[[], None]) -> Callable[[], None]:
    """Acts between preparation and decision, when the lock is looked at for the second time."""
    looks = itertools.count()

    def check_lock() -> None:
        if next(looks) == 1:
            act()

    return check_lock


def verify(stack: LiveStack, fleet: Fleet) -> subprocess.CompletedProcess[str]:
    """`python -m bench verify` as an operator runs it."""
    shared = {name: value for name, value in {**stack.secrets, **stack.addresses}.items() if value is not None}
    own = {
        "SERVER_URLS": ",".join(server.operated_url for server in fleet.servers),
        "MODEL_NAME": fleet.registry.model_name,
        "SCORING_API_KEY": API_KEY,
    }
    return subprocess.run(
        [sys.executable, "-m", "bench", "verify"],
        env=project_environment(**{**shared, **own}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_that_is_down_stops_a_promotion_before_anything_changed(fleet: Fleet) -> None:
    production, candidate = fleet.in_production(), fleet.another_version()
    down = fleet.servers[3]
    down.operator.cut()
    with pytest.raises(DeploymentError, match=f"nothing was changed: .*{down.operated_url}"):
        promote(fleet.registry, production, candidate, fleet.deployment, nobody_else)
    assert fleet.in_production() == production
    assert fleet.versions() == [production.version] * len(fleet.servers)
    down.operator.mend()


def test_one_that_is_cut_off_one_that_is_killed_and_a_slow_one_all_end_with_the_new_version(
    stack: LiveStack, fleet: Fleet
) -> None:
    production, candidate = fleet.in_production(), fleet.another_version()
    cut_off, killed, slow, *others = fleet.servers
    slow.operator.delay_s = slow.registry.delay_s = 0.2

    def cut_and_kill() -> None:
        cut_off.cut_off()
        killed.kill()

    missing = promote(fleet.registry, production, candidate, fleet.deployment, once_all_are_prepared(cut_and_kill))
    assert [line.partition(": ")[0] for line in missing] == [cut_off.operated_url, killed.operated_url]
    assert fleet.in_production() == candidate
    assert [server.version() for server in (slow, *others)] == [candidate.version] * 3
    assert cut_off.version() == production.version

    told = verify(stack, fleet)
    assert told.returncode == Verdict.ERROR.exit_status, told.stderr
    assert [line.startswith("ERROR: ") for line in told.stderr.splitlines()] == [True] * 2
    assert told.stdout.count(f"every worker serves version {candidate.version}") == 3

    slow.operator.delay_s = slow.registry.delay_s = 0.0
    cut_off.mend()
    cut_off.wait_until_serves(candidate.version)
    killed.start()
    killed.wait_until_ready()
    killed.wait_until_serves(candidate.version)
    assert verify(stack, fleet).returncode == Verdict.PASS.exit_status


def test_a_withdrawn_version_is_served_nowhere_beyond_the_lease(fleet: Fleet) -> None:
    production, candidate = fleet.in_production(), fleet.another_version()
    promote(fleet.registry, production, candidate, fleet.deployment, nobody_else)
    *others, cut_off = fleet.servers
    cut_off.begin_stop()
    cut_off.process.wait(FOLLOW_S)
    cut_off.environment["MODEL_LEASE_S"] = str(LEASE_S)
    cut_off.start()
    cut_off.wait_until_ready()
    cut_off.cut_off()

    withdrawn, missing = rollback(fleet.registry, fleet.deployment, nobody_else)
    assert withdrawn == production
    assert [line.partition(": ")[0] for line in missing] == [cut_off.operated_url]
    assert [server.version() for server in others] == [production.version] * len(others)
    wait_until(lambda: cut_off.status() == 503, FOLLOW_S, "the lease runs out")

    cut_off.mend()
    cut_off.wait_until_ready()
    assert cut_off.version() == production.version
