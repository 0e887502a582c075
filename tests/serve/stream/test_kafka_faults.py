"""Calls of Kafka's client that are repeated, or do not come back."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from serve.stream import kafka_faults
from serve.stream.errors import StreamError
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


def test_a_call_that_ignores_its_timeout_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_faults, "GRACE_S", 0.1)
    ended = threading.Event()

    def wait(_timeout_s: float) -> None:
        ended.wait(60)

    try:
        with pytest.raises(StreamError, match="does not come back"):
            retried(wait, 0.1)
    finally:
        ended.set()
