"""Looks at something now and then, beside what goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

INTERVAL_S: Final = 0.5


@contextmanager
def watching(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` in a thread every `INTERVAL_S` until the block ends."""
    stop = threading.Event()

    def look_until_stopped() -> None:
        while not stop.wait(INTERVAL_S):
            look()

    thread = threading.Thread(target=look_until_stopped)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
