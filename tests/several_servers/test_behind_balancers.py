"""The documented balancers: a key finds its answer, and servers are updated one by one without a failed request."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LOGIN, STACK_STOP_TIMEOUT_S, wait_until
from tests.several_servers.balancer import haproxy, nginx
from tests.several_servers.fleet import FOLLOW_S, Fleet, FleetServer

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]

BODY = json.dumps(EXAMPLE_INSTANCE).encode()
HEADERS = {"Content-Type": "application/json", **LOGIN}
CLIENTS = 4
KEYS = 24
"""So many that one server gets all of them once in 3 ** 23 times."""


@pytest.fixture
def servers(fleet: Fleet) -> list[FleetServer]:
    return fleet.servers[:3]


@pytest.fixture(params=["haproxy", "nginx"])
def balancer(request: pytest.FixtureRequest, servers: list[FleetServer], tmp_path: Path) -> Iterator[str]:
    if request.param == "nginx":
        with nginx(servers, tmp_path) as url:
            yield url
    else:
        with haproxy(servers, tmp_path) as running:
            yield running.url


def scored(server: FleetServer, admin: tuple[str, str]) -> int:
    """Requests that a server has answered, also those from what it keeps by their key."""
    text = httpx.get(server.url + "/metrics", auth=admin, timeout=FOLLOW_S).text
    return sum(int(float(count)) for count in re.findall(r'scoring_requests_total{endpoint="/predict".*} (\S+)', text))


def send(url: str, key: str) -> httpx.Response:
    return httpx.post(url + "/predict", content=BODY, headers={**HEADERS, "Idempotency-Key": key}, timeout=FOLLOW_S)


def test_a_key_is_sent_to_the_server_that_has_its_answer_and_other_keys_to_others(
    balancer: str, servers: list[FleetServer], fleet: Fleet
) -> None:
    def counts() -> list[int]:
        return [scored(server, fleet.admin) for server in servers]

    def wait_for(total: int) -> list[int]:
        wait_until(lambda: sum(counts()) - sum(before) >= total, FOLLOW_S, "the servers have counted")
        return [now - then for now, then in zip(counts(), before, strict=True)]

    key = uuid.uuid4().hex
    before = counts()
    answers = [send(balancer, key) for _ in range(6)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert sorted(wait_for(6)) == [0, 0, 6]

    before = counts()
    assert {send(balancer, f"{key}-{number}").status_code for number in range(KEYS)} == {200}
    assert len([count for count in wait_for(KEYS) if count]) >= 2


def test_servers_are_updated_one_by_one_under_load_without_a_failed_request(
    servers: list[FleetServer], tmp_path: Path
) -> None:
    stop = threading.Event()
    seen: Counter[str] = Counter()

    def load(url: str, client: int) -> None:
        with httpx.Client(timeout=FOLLOW_S) as connection:
            while not stop.is_set():
                key = {"Idempotency-Key": f"rolling-{client}-{seen.total()}"}
                try:
                    answer = connection.post(url + "/predict", content=BODY, headers={**HEADERS, **key})
                    seen[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    seen[repr(error)] += 1

    with haproxy(servers, tmp_path) as balancer:
        clients = [threading.Thread(target=load, args=(balancer.url, number)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number, server in enumerate(servers):
                begun = seen.total()
                balancer.set_state(number, "drain")
                wait_until(lambda number=number: balancer.requests_at(number) == 0, FOLLOW_S, "it is drained")  # type: ignore[misc]
                server.begin_stop()
                assert server.process.wait(STACK_STOP_TIMEOUT_S) == 0
                server.start()
                server.wait_until_ready()
                balancer.set_state(number, "ready")
                wait_until(lambda begun=begun: seen.total() > begun, FOLLOW_S, "load goes on")  # type: ignore[misc]
        finally:
            stop.set()
            for client in clients:
                client.join()
    assert seen.keys() == {"200"}
