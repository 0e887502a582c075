"""A bridge as a member of Kafka's consumer group: it takes applications of its partitions, and returns to the committed
offsets when a batch is aborted."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from serve.stream.errors import StreamError
from serve.stream.kafka_faults import fault_of, translated
from serve.stream.kafka_settings import DEFAULT_GROUP, GROUP

logger = logging.getLogger(__name__)

FETCH_S: Final = 0.5
ASK_S: Final = 10.0
AWAY_S: Final = 30.0
"""A bridge ends when no broker has answered for this time, s."""
_POLL_S: Final = 0.1


class GroupMember:
    """A member of the group that reads a topic."""

    def __init__(self, properties: Mapping[str, str], instance_id: str, topic: str) -> None:
        """Make the client; it joins the group by `join`."""
        self._topic = topic
        self._ends: dict[int, int] = {}
        self._rebalances = 0
        self._away_since: float | None = None
        self.membership: Any = None
        """The group's generation when applications were taken last."""
        settings = {
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
        with translated():
            self._consumer = Consumer(settings, logger=logger)

    def cluster(self) -> Any:
        """What the cluster says about itself and its topics."""
        with translated():
            return self._consumer.list_topics(timeout=ASK_S)

    def join(self) -> None:
        """Become a member, or take the place of the member that had this instance id."""
        told = self._on_rebalance
        self._consumer.subscribe([self._topic], on_assign=told, on_revoke=told, on_lost=told)

    def take(self, count: int) -> list[Any]:
        """Up to `count` messages of our partitions; waits a moment if there are none.

        Raises:
            StreamError: no broker answers, or it reports a fault.
        """
        with translated():
            first = self._consumer.poll(FETCH_S)
            if first is None:
                self._refuse_absence()
                return []
            self._away_since = None
            before = self._rebalances
            found = [first, *(self._consumer.consume(count - 1, 0) if count > 1 else ())]
            self.membership = self._consumer.consumer_group_metadata()
            if self._rebalances != before:  # `first` may belong to another member now
                self.rewind()
                return []
        return self._messages(found)

    def rewind(self) -> None:
        """Return to the committed offsets of the assigned partitions."""
        self._ends = {}
        with translated():
            assigned = self._consumer.assignment()
            for place in self._consumer.committed(assigned, ASK_S) if assigned else ():
                if place.offset < 0:
                    place.offset, _ = self._watermarks(place.partition)
                self._seek(place)

    def is_empty(self) -> bool:
        """Whether the group has settled all messages of the topic; call it only if this member has settled its own."""
        with translated():
            self._commit_ends()
            numbers = self._consumer.list_topics(self._topic, ASK_S).topics[self._topic].partitions
            places = self._consumer.committed([TopicPartition(self._topic, number) for number in numbers], ASK_S)
            return all(self._is_settled(place) for place in places)

    def close(self) -> None:
        """Stop reading; the member's place stays reserved for `session.timeout.ms`."""
        with contextlib.suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _messages(self, found: Sequence[Any]) -> list[Any]:
        """The messages; note which partitions end with them, and raise the faults among the events."""
        for one in found:
            error = one.error()
            if error is None:
                self._ends.pop(one.partition(), None)  # committed later, it would set the group's offset back
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                self._ends[one.partition()] = one.offset()
            elif not error.retriable() and error.code() != KafkaError._MAX_POLL_EXCEEDED:
                raise fault_of(error)
        return [one for one in found if one.error() is None]

    def _seek(self, place: TopicPartition) -> None:
        deadline = time.monotonic() + ASK_S
        while True:
            try:
                self._consumer.seek(place)
            except KafkaException as error:
                # A partition that was assigned just now is not fetched yet.
                if error.args[0].code() != KafkaError._STATE or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                return

    def _watermarks(self, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), ASK_S)
        return low, high

    def _is_settled(self, committed: TopicPartition) -> bool:
        low, high = self._watermarks(committed.partition)
        return low == high or committed.offset >= high

    def _commit_ends(self) -> None:
        """Commit the ends of our partitions: markers of transactions may follow the last message."""
        ends = [TopicPartition(self._topic, number, end) for number, end in self._ends.items()]
        if ends:
            # If the group is rebalanced meanwhile, the ends are reported again.
            with contextlib.suppress(KafkaException):
                self._consumer.commit(offsets=ends, asynchronous=False)
                self._ends = {}

    def _refuse_absence(self) -> None:
        since = self._away_since
        if since is None:
            return
        with contextlib.suppress(KafkaException):
            self._consumer.list_topics(self._topic, FETCH_S)
            self._away_since = None
            return
        if time.monotonic() - since > AWAY_S:
            raise StreamError(f"Kafka has not answered for {AWAY_S:g} s")

    def _on_rebalance(self, _consumer: Consumer, _places: Sequence[TopicPartition]) -> None:
        self._rebalances += 1
        self._ends = {}

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._away_since is None:
            self._away_since = time.monotonic()
