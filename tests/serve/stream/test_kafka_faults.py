"""Calls of Kafka's client that are repeated."""

from __future__ import annotations

import itertools
import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from serve.stream.kafka_faults import PAUSE_S, retried


def test_a_call_is_repeated_with_pauses() -> None:
    calls: list[float] = []

    def fail(_timeout_s: float) -> None:
        calls.append(time.monotonic())
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "of a test", retriable=True))

    with pytest.raises(KafkaException):
        retried(fail, 1.0)
    assert len(calls) > 1
    assert all(later - earlier >= PAUSE_S for earlier, later in itertools.pairwise(calls))
