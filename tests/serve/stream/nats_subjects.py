"""A server of NATS JetStream as a process, and streams of it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig

from serve.stream.nats_broker import DURABLE
from tests.live_stack import wait_until

ACK_WAIT_S = 2
HOST = "127.0.0.1"


@contextmanager
def run_nats(folder: Path) -> Iterator[str]:
    """A server with JetStream, behind a token; gives its URL."""
    folder.mkdir(exist_ok=True)
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
