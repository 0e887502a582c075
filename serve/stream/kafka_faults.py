"""Faults of Kafka's client, and calls that are repeated as it asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from serve.stream.errors import StreamError

PAUSE_S: Final = 0.1


def fault_of(error: KafkaError) -> StreamError:
    """The same in our words."""
    return StreamError(f"Kafka reports a fault: {error.str()}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's faults into a StreamError."""
    try:
        yield
    except KafkaException as error:
        raise fault_of(error.args[0]) from error


def retried(call: Callable[[float], None], timeout_s: float) -> None:
    """Repeat a call while the client says that it may succeed; give it the seconds that are left.

    Raises:
        KafkaException: it can't succeed, or has not until `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            call(max(1.0, deadline - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return
