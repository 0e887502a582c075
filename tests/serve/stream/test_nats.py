"""Subjects of NATS JetStream: bridges that are killed lose nothing, and answer nothing twice."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig

from serve.batch.worker import ModelChoice
from serve.stream.nats_broker import DURABLE, REASON_HEADER
from tests.live_stack import wait_until
from tests.serve.stream.streams import assert_answered_once, bodies_of, bridge, drain, kill_while_scoring

COUNT = 5_000
BATCH = 20
ACK_WAIT_S = 2
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with JetStream, behind a token."""
    folder = tmp_path_factory.mktemp("nats")
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
    token = secrets.token_hex(16)
    program = Path(sys.executable).with_name("nats-server")
    (folder / "nats.conf").write_text(
        f'listen: "{HOST}:{port}"\nauthorization {{ token: "{token}" }}\njetstream {{ store_dir: "{folder}" }}\n'
    )
    process = subprocess.Popen([program, "-c", folder / "nats.conf", "-l", folder / "nats.log"])
    try:
        wait_until(lambda: _listens(port), 30, "NATS listens")
        yield f"nats://{token}@{HOST}:{port}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


class Subjects:
    """Streams of the server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, work: Any) -> Any:
        async def connected() -> Any:
            client = await nats.connect(self._url)
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())

    def make(self, bodies: list[bytes], duplicate_window: float = 600) -> None:
        async def work(stream: JetStreamContext) -> None:
            for name in ("applications", "answers", "dead-letters"):
                await stream.add_stream(StreamConfig(name=name, subjects=[name], duplicate_window=duplicate_window))
            await stream.add_consumer("applications", ConsumerConfig(durable_name=DURABLE, ack_wait=ACK_WAIT_S))
            for body in bodies:
                await stream.publish("applications", body)

        self.call(work)

    def remove(self) -> None:
        async def work(stream: JetStreamContext) -> None:
            for info in await stream.streams_info():
                await stream.delete_stream(info.config.name)

        self.call(work)

    def count(self, name: str) -> int:
        async def work(stream: JetStreamContext) -> int:
            return int((await stream.stream_info(name)).state.messages)

        return int(self.call(work))

    def read(self, name: str) -> list[tuple[int, bytes, dict[str, str]]]:
        """Place of the application, body and headers of all messages."""

        async def work(stream: JetStreamContext) -> list[tuple[int, bytes, dict[str, str]]]:
            state = (await stream.stream_info(name)).state
            found = [await stream.get_msg(name, seq=1 + number) for number in range(state.messages)]
            return [
                (int(one.headers["Nats-Msg-Id"].rpartition("-")[2]) - 1, one.data or b"", dict(one.headers))
                for one in found
                if one.headers is not None
            ]

        read: list[tuple[int, bytes, dict[str, str]]] = self.call(work)
        return read


@pytest.fixture
def subjects(nats_server: str) -> Iterator[Subjects]:
    subjects = Subjects(nats_server)
    yield subjects
    subjects.remove()


def _start(model: ModelChoice, nats_server: str, *arguments: object) -> subprocess.Popen[str]:
    return bridge(model.run_dir, "--source", "nats", "--batch", BATCH, *arguments, NATS_URL=nats_server)


def test_bridges_that_are_killed_answer_each_application_once(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make(bodies_of(COUNT))
    for more in (1, 100, 200):
        kill_while_scoring(lambda *more: _start(model, nats_server, *more), lambda: subjects.count("answers"), more)
    assert subjects.count("answers") < COUNT - BATCH
    drain(lambda *arguments: _start(model, nats_server, *arguments))
    answers = [(place, json.loads(body)) for place, body, _ in subjects.read("answers")]
    dead = [(place, headers[REASON_HEADER]) for place, _, headers in subjects.read("dead-letters")]
    assert_answered_once(model, COUNT, answers, dead)


def test_a_kill_between_answer_and_acknowledgement_answers_once(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make(bodies_of(60))

    async def publish_as_a_bridge_that_was_killed(stream: JetStreamContext) -> None:
        await stream.publish("answers", b'{"mark": 1}', headers={"Nats-Msg-Id": "applications-1"})

    subjects.call(publish_as_a_bridge_that_was_killed)
    drain(lambda *arguments: _start(model, nats_server, *arguments))
    found = [body for place, body, _ in subjects.read("answers") if place == 0]
    assert found == [b'{"mark": 1}']


def test_a_stream_that_forgets_keys_too_soon_is_refused(
    model: ModelChoice, nats_server: str, subjects: Subjects
) -> None:
    subjects.make([], duplicate_window=20)
    process = _start(model, nats_server)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "knows keys for 20 s: expected a duplicate_window of 60 s or more" in errors


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({}, "set NATS_URL", id="no address"),
        pytest.param({"NATS_URL": "nats://secret@127.0.0.1:1"}, "NATS does not take it", id="nobody listens"),
    ],
)
def test_no_server_is_told(model: ModelChoice, settings: dict[str, str], told: str) -> None:
    process = bridge(model.run_dir, "--source", "nats", **settings)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told in errors
    assert "secret" not in errors
