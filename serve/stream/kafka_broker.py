"""Kafka. One transaction contains a batch's answers, its dead letters and the offsets of its applications, so consumers
with `isolation.level=read_committed` see each application answered once.

Two mechanisms fence a bridge that is alive and has been replaced. The next bridge of its name (`instance.py`) has the
same transactional id and is the same member of the consumer group (KIP-345), so it also takes over the partitions at
once; and Kafka accepts offsets only with the generation of the group in which the applications were taken (KIP-447),
so ids need no fixed relation to partitions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from serve.stream.errors import NotSettled, StreamError
from serve.stream.kafka_faults import fault_of, retried, translated
from serve.stream.kafka_group import FETCH_S, GroupMember
from serve.stream.kafka_settings import DEFAULT_GROUP, GROUP
from serve.stream.messages import REASON_HEADER, Answer, DeadLetter, Message

logger = logging.getLogger(__name__)

APPLICATION_HEADER: Final = "Application"
"""Header of answers and dead letters: topic, partition and offset of the application."""
OFFSETS_S: Final = 30.0
"""Timeout of sending offsets to the group's coordinator, s."""
SETTLE_S: Final = 60.0
"""Timeout of a transaction, s; the default of `transaction.timeout.ms`."""
MESSAGE_MAX: Final = "message.max.bytes"
MESSAGE_MAX_BYTES: Final = 1_000_000
"""Its default in the client, which refuses to send larger messages. Other producers may send larger ones."""


class KafkaBroker:
    """Topics of a cluster."""

    def __init__(self, properties: Mapping[str, str], instance_id: str, topics: tuple[str, str, str]) -> None:
        """Topics of applications, answers and dead letters.

        Raises:
            StreamError: the cluster does not answer, lacks a topic, or refuses the properties.
        """
        self._topic, self._answers, self._dead_letters = topics
        self._taken: dict[Message, Any] = {}
        self._member = GroupMember(properties, instance_id, self._topic)
        cluster = self._member.cluster()
        _refuse_missing(topics, cluster.topics)
        group = properties.get(GROUP, DEFAULT_GROUP)
        self.name = f"kafka:{cluster.cluster_id}:{group}"
        self._message_max = int(properties.get(MESSAGE_MAX, MESSAGE_MAX_BYTES))
        others = {name: value for name, value in properties.items() if name != GROUP}
        with translated():
            self._producer = Producer({**others, "transactional.id": f"{group}-{instance_id}"}, logger=logger)
            self._producer.init_transactions(SETTLE_S)
            self._member.join()

    def take(self, count: int) -> Sequence[Message]:
        """See `Broker`. Other members of the group do not get them while the generation of the group lasts."""
        taken = self._member.take(count)
        self._taken = {
            Message(f"{one.topic()}-{one.partition()}", one.offset(), one.value() or b""): one for one in taken
        }
        return list(self._taken)

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Commit one transaction of answers, dead letters and offsets."""
        producer = self._producer
        try:
            producer.begin_transaction()
            for answer in answers:
                self._produce(self._answers, answer.message, answer.body, {})
            for letter in dead:
                body, reason = letter.within(self._message_max // 2)
                self._produce(self._dead_letters, letter.message, body, {REASON_HEADER: reason})
            retried(partial(producer.send_offsets_to_transaction, self._offsets(), self._member.membership), OFFSETS_S)
            self._commit()
        except KafkaException as error:
            self._abort(error.args[0])
        self._taken = {}

    def is_empty(self) -> bool:
        """Whether the group has settled all applications of the topic."""
        return self._member.is_empty()

    def close(self) -> None:
        """Stop reading. The next bridge of this name, or a timeout, aborts an open transaction."""
        self._member.close()

    def _produce(self, topic: str, message: Message, body: bytes, headers: Mapping[str, str]) -> None:
        told = {APPLICATION_HEADER: message.key, **headers}
        key = self._taken[message].key()
        if key is not None and len(key) > self._message_max // 4:
            key = None
        while True:
            try:
                self._producer.produce(topic, body, key, headers=list(told.items()))
            except BufferError:  # until the cluster has taken some
                self._producer.poll(FETCH_S)
            else:
                return

    def _offsets(self) -> list[TopicPartition]:
        """The offset after the last application taken, for each partition."""
        after: dict[int, int] = {}
        for one in self._taken.values():
            after[one.partition()] = max(one.offset() + 1, after.get(one.partition(), 0))
        return [TopicPartition(self._topic, partition, offset) for partition, offset in after.items()]

    def _commit(self) -> None:
        retried(self._producer.commit_transaction, SETTLE_S)

    def _abort(self, error: KafkaError) -> None:
        """Raise the fault of a transaction; abort it and return to the committed offsets if Kafka allows that."""
        if error.fatal() or not error.txn_requires_abort():
            raise fault_of(error)
        with translated():
            retried(self._producer.abort_transaction, SETTLE_S)
        self._member.rewind()
        raise NotSettled(f"Kafka has aborted a batch, its applications come again: {error.str()}")


def _refuse_missing(topics: Sequence[str], known: Collection[str]) -> None:
    for topic in topics:
        if topic not in known:
            raise StreamError(f"Kafka has no topic {topic}: make it, or name another")
