"""Faults of Kafka's client, and calls that are repeated as it asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from serve.stream.errors import StreamError

PAUSE_S: Final = 0.1
GRACE_S: Final = 5.0
"""Time that a call may take beyond its timeout."""


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
        StreamError: it has not come back long after that.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            _bounded(partial(call, max(1.0, deadline - time.monotonic())), deadline + GRACE_S - time.monotonic())
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _bounded(call: Callable[[], None], timeout_s: float) -> None:
    """Call in a thread, and leave it there if it does not come back: while a group's coordinator is away, the client's
    `send_offsets_to_transaction` can wait without end, whatever its timeout (librdkafka, issue 5456).

    Meanwhile signals are handled, which a call of C would hold up.
    """
    faults: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            faults.append(error)

    thread = threading.Thread(target=run, name="kafka", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        raise StreamError("Kafka's client does not come back: the group's coordinator may be away")
    if faults:
        raise faults[0]
