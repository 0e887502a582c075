"""A broker with Kafka's protocol as a process, and topics of it.

It hides open and aborted transactions from readers with `read_committed`, and fences a producer whose transactional id
another one has. Unlike Kafka it ends no transaction and evicts no member of a group by time, and accepts offsets of any
generation.
"""

from __future__ import annotations

import importlib.resources
import socket
import subprocess
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.live_stack import wait_until

HOST: Final = "127.0.0.1"
PARTITIONS: Final = 3
TOPICS: Final = {"applications": PARTITIONS, "answers": 2, "dead-letters": 1}
READ_S: Final = 60.0


class KafkaServer:
    """The process; it has its data in a folder, and the same port at each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server((HOST, 0)) as held:
            self._port = held.getsockname()[1]
        self.address = f"{HOST}:{self._port}"
        self.start()

    def start(self) -> None:
        program = Path(str(importlib.resources.files("noida_db"))) / "noida-db"
        program.chmod(0o755)
        command: list[str | Path] = [
            program,
            "start",
            "--only",
            "kafka",
            "--kafka-port",
            str(self._port),
            "--data-dir",
            self._folder,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._listens, 30, "Kafka listens")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex((HOST, self._port)) == 0


class Topics:
    """Those of applications, answers and dead letters."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.properties = {"bootstrap.servers": address, "group.id": uuid.uuid4().hex, "session.timeout.ms": "6000"}
        """For bridges, which are a group of their own in each test: a member that was killed stays in it."""
        self._admin = AdminClient({"bootstrap.servers": address})

    def make(self, bodies: Sequence[bytes] = ()) -> None:
        made = self._admin.create_topics([NewTopic(name, count, 1) for name, count in TOPICS.items()])
        for future in made.values():
            future.result()
        self.send(bodies)

    def remove(self) -> None:
        for future in self._admin.delete_topics(list(TOPICS)).values():
            future.result()

    def write_config(self, path: Path) -> str:
        """The properties as a file; gives its path."""
        path.write_text("".join(f"{name} = {value}\n" for name, value in self.properties.items()))
        return str(path)

    def send(
        self,
        bodies: Sequence[bytes],
        begin: int = 0,
        settings: Mapping[str, str] = MappingProxyType({}),
        key: bytes | None = None,
    ) -> None:
        """One after the other over the partitions, by which `place_of` finds them; in a transaction where so set."""
        producer = Producer({"bootstrap.servers": self._address, **settings})
        in_transaction = "transactional.id" in settings
        if in_transaction:
            producer.init_transactions(READ_S)
            producer.begin_transaction()
        for place, body in enumerate(bodies, begin):
            producer.produce("applications", body, key or str(place).encode(), partition=place % PARTITIONS)
        if in_transaction:
            producer.commit_transaction(READ_S)
        assert producer.flush(READ_S) == 0

    def committed(self) -> list[int]:
        """Offsets of the group by partition of the topic of applications."""
        consumer = self._consumer("read_committed", self.properties["group.id"])
        found = consumer.committed([TopicPartition("applications", number) for number in range(PARTITIONS)], READ_S)
        consumer.close()
        return [place.offset for place in found]

    def progress(self, name: str = "answers") -> int:
        """How far a topic's partitions are, with what was aborted and with marks of transactions."""
        consumer = self._consumer("read_uncommitted")
        places = [TopicPartition(name, number) for number in range(TOPICS[name])]
        ends = [consumer.get_watermark_offsets(place, READ_S)[1] for place in places]
        consumer.close()
        return sum(ends)

    def read(
        self, name: str, isolation: str = "read_committed", keyless: Collection[int] = ()
    ) -> list[tuple[int, bytes, dict[str, str]]]:
        """Place of the application, body and headers of all messages."""
        consumer = self._consumer(isolation)
        consumer.assign([TopicPartition(name, number, 0) for number in range(TOPICS[name])])
        found: list[Any] = []
        ended: set[int] = set()
        deadline = time.monotonic() + READ_S
        while len(ended) < TOPICS[name]:
            assert time.monotonic() < deadline, f"{name} has no end"
            for one in consumer.consume(1_000, 0.2):
                if one.error() is None:
                    found.append(one)
                else:
                    ended.add(one.partition() or 0)
        consumer.close()
        return [_told(one, keyless) for one in found]

    def count(self, name: str, isolation: str = "read_committed") -> int:
        return len(self.read(name, isolation))

    def _consumer(self, isolation: str, group: str = "readers") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": group,
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )


def _told(message: Any, keyless: Collection[int]) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value.decode() for name, value in message.headers()}
    place = place_of(headers["Application"])
    expected = None if place in keyless else str(place).encode()
    assert message.key() == expected, "an answer has the key of its application"
    return place, message.value(), headers


def place_of(application: str) -> int:
    """Among what was sent without transactions, whose marks have offsets too."""
    topic, partition, offset = application.rsplit("-", 2)
    assert topic == "applications"
    return int(offset) * PARTITIONS + int(partition)
