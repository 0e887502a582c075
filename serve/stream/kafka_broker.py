"""Kafka. One transaction contains a batch's answers, its dead letters and the offsets of its applications, so consumers
with `isolation.level=read_committed` see each application answered once.

Two mechanisms fence a bridge that is alive and has been replaced. The next bridge of its name (`instance.py`) has the
same transactional id and is the same member of the consumer group (KIP-345), so it also takes over the partitions at
once; and Kafka accepts offsets only with the generation of the group in which the applications were taken (KIP-447),
so ids need no fixed relation to partitions.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from serve.stream.errors import NotSettled, StreamError
from serve.stream.kafka_settings import DEFAULT_GROUP, GROUP
from serve.stream.messages import REASON_HEADER, Answer, DeadLetter, Message

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

logger = logging.getLogger(__name__)

APPLICATION_HEADER: Final = "Application"
"""Header of answers and dead letters: topic, partition and offset of the application."""
FETCH_S: Final = 0.5
ASK_S: Final = 10.0
_POLL_S: Final = 0.1
SETTLE_S: Final = 60.0
"""Timeout of a transaction, s; the default of `transaction.timeout.ms`."""
AWAY_S: Final = 30.0
"""A bridge ends when no broker has answered for this time, s."""


class KafkaBroker:
    """Topics of a cluster."""

    def __init__(self, properties: Mapping[str, str], instance_id: str, topics: tuple[str, str, str]) -> None:
        """Topics of applications, answers and dead letters.

        Raises:
            StreamError: the client is not installed, the cluster does not answer or lacks a topic.
        """
        try:
            import confluent_kafka as kafka  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise StreamError(
                "the client of Kafka is not installed: expected `pip install '.[serve,stream]'`"
            ) from None
        self._kafka = kafka
        self._topic, self._answers, self._dead_letters = topics
        self._taken: dict[str, Any] = {}
        self._ends: dict[int, int] = {}
        self._rebalances = 0
        self._away_since: float | None = None
        self._member: Any = None
        with _told():
            self._consumer: Consumer = kafka.Consumer(self._member_settings(properties, instance_id), logger=logger)
            known = self._consumer.list_topics(timeout=ASK_S)
            _refuse_missing(topics, known.topics)
            group = properties.get(GROUP, DEFAULT_GROUP)
            self.name = f"kafka:{known.cluster_id}:{group}"
            others = {name: value for name, value in properties.items() if name != GROUP}
            settings = {**others, "transactional.id": f"{group}-{instance_id}"}
            self._producer: Producer = kafka.Producer(settings, logger=logger)
            self._producer.init_transactions(SETTLE_S)
            told = self._on_rebalance
            self._consumer.subscribe([self._topic], on_assign=told, on_revoke=told, on_lost=told)

    def take(self, count: int) -> Sequence[Message]:
        """See `Broker`. Other members of the group do not get them while the generation of the group lasts."""
        self._taken = {}
        with _told():
            first = self._consumer.poll(FETCH_S)
            if first is None:
                self._refuse_absence()
                return []
            self._away_since = None
            before = self._rebalances
            found = [first, *(self._consumer.consume(count - 1, 0) if count > 1 else ())]
            self._member = self._consumer.consumer_group_metadata()
            if self._rebalances != before:  # `first` may belong to another member now
                self._rewind()
                return []
        good = self._good(found)
        messages = [Message(f"{one.topic()}-{one.partition()}", one.offset(), one.value() or b"") for one in good]
        self._taken = {message.key: one for message, one in zip(messages, good, strict=True)}
        return messages

    def settle(self, answers: Sequence[Answer], dead: Sequence[DeadLetter]) -> None:
        """Commit one transaction of answers, dead letters and offsets."""
        producer, error_class = self._producer, self._kafka.KafkaException
        try:
            producer.begin_transaction()
            for answer in answers:
                self._produce(self._answers, answer.message, answer.body, {})
            for letter in dead:
                self._produce(self._dead_letters, letter.message, letter.message.body, {REASON_HEADER: letter.line})
            offsets, member = self._offsets(), self._member
            self._retried(lambda left_s: producer.send_offsets_to_transaction(offsets, member, left_s))
            self._retried(producer.commit_transaction)
        except error_class as error:
            self._undo(error.args[0])
        self._taken = {}

    def is_empty(self) -> bool:
        """Whether the group has settled all that is in the topic."""
        with _told():
            self._pass_ends()
            return all(self._is_settled(place) for place in self._partitions())

    def close(self) -> None:
        """Leave the group. The next bridge of this name, or a timeout, aborts an open transaction."""
        with contextlib.suppress(self._kafka.KafkaException, RuntimeError):
            self._consumer.close()

    def _member_settings(self, properties: Mapping[str, str], instance_id: str) -> dict[str, Any]:
        return {
            GROUP: DEFAULT_GROUP,
            "auto.offset.reset": "earliest",
            **properties,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "error_cb": self._on_error,
            "group.instance.id": instance_id,
            "isolation.level": "read_committed",
        }

    def _good(self, found: Sequence[Any]) -> list[Any]:
        """The messages; note where partitions end, and raise the faults among the events."""
        for one in found:
            error = one.error()
            if error is None:
                continue
            if error.code() == self._kafka.KafkaError._PARTITION_EOF:
                self._ends[one.partition()] = one.offset()
            elif not error.retriable() and error.code() != self._kafka.KafkaError._MAX_POLL_EXCEEDED:
                raise _fault(error)
        return [one for one in found if one.error() is None]

    def _produce(self, topic: str, message: Message, body: bytes, headers: Mapping[str, str]) -> None:
        told = {APPLICATION_HEADER: message.key, **headers}
        taken = self._taken[message.key]
        while True:
            try:
                self._producer.produce(topic, body, taken.key(), headers=list(told.items()))
            except BufferError:  # until the cluster has taken some
                self._producer.poll(FETCH_S)
            else:
                return

    def _offsets(self) -> list[TopicPartition]:
        """The offset after the last application taken, for each partition."""
        behind: dict[int, int] = {}
        for one in self._taken.values():
            behind[one.partition()] = max(one.offset() + 1, behind.get(one.partition(), 0))
        return [self._kafka.TopicPartition(self._topic, partition, offset) for partition, offset in behind.items()]

    def _retried(self, call: Callable[[float], None]) -> None:
        deadline = time.monotonic() + SETTLE_S
        while True:
            try:
                call(max(1.0, deadline - time.monotonic()))
            except self._kafka.KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
            else:
                return

    def _undo(self, error: KafkaError) -> None:
        """Raise the fault of a transaction; abort it and return to the committed offsets if Kafka allows that."""
        if error.fatal() or not error.txn_requires_abort():
            raise _fault(error)
        with _told():
            self._retried(self._producer.abort_transaction)
            self._rewind()
        raise NotSettled(f"Kafka has aborted a batch, its applications come again: {error.str()}")

    def _rewind(self) -> None:
        """Return to the committed offsets of the assigned partitions."""
        self._ends = {}
        assigned = self._consumer.assignment()
        for place in self._consumer.committed(assigned, ASK_S) if assigned else ():
            if place.offset < 0:
                place.offset, _ = self._consumer.get_watermark_offsets(place, ASK_S)
            self._seek(place)

    def _seek(self, place: TopicPartition) -> None:
        deadline = time.monotonic() + ASK_S
        while True:
            try:
                self._consumer.seek(place)
            except self._kafka.KafkaException as error:
                # A partition that was assigned just now is not fetched yet.
                if error.args[0].code() != self._kafka.KafkaError._STATE or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                return

    def _partitions(self) -> list[TopicPartition]:
        found = self._consumer.list_topics(self._topic, ASK_S).topics[self._topic].partitions
        return self._consumer.committed([self._kafka.TopicPartition(self._topic, number) for number in found], ASK_S)

    def _is_settled(self, place: TopicPartition) -> bool:
        low, high = self._consumer.get_watermark_offsets(
            self._kafka.TopicPartition(self._topic, place.partition), ASK_S
        )
        return low == high or place.offset >= high

    def _pass_ends(self) -> None:
        """Commit the ends of our partitions: markers of transactions may follow the last application."""
        ends = [self._kafka.TopicPartition(self._topic, number, end) for number, end in self._ends.items()]
        if ends and not self._taken:
            # If the group is rebalanced meanwhile, the ends are reported again.
            with contextlib.suppress(self._kafka.KafkaException):
                self._consumer.commit(offsets=ends, asynchronous=False)
                self._ends = {}

    def _refuse_absence(self) -> None:
        since = self._away_since
        if since is None:
            return
        with contextlib.suppress(self._kafka.KafkaException):
            self._consumer.list_topics(self._topic, FETCH_S)
            self._away_since = None
            return
        if time.monotonic() - since > AWAY_S:
            raise StreamError(f"Kafka has not answered for {AWAY_S:g} s")

    def _on_rebalance(self, _consumer: Consumer, _places: Sequence[TopicPartition]) -> None:
        self._rebalances += 1
        self._ends = {}

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == self._kafka.KafkaError._ALL_BROKERS_DOWN and self._away_since is None:
            self._away_since = time.monotonic()


def _refuse_missing(topics: Sequence[str], known: Collection[str]) -> None:
    for topic in topics:
        if topic not in known:
            raise StreamError(f"Kafka has no topic {topic}: make it, or name another")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn faults of the client into a StreamError."""
    from confluent_kafka import KafkaException  # noqa: PLC0415

    try:
        yield
    except KafkaException as error:
        raise _fault(error.args[0]) from error


def _fault(error: KafkaError) -> StreamError:
    return StreamError(f"Kafka reports a fault: {error.str()}")
