"""Sends a spool's anchors elsewhere as they change, whoever wrote them."""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import Final

from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchor_place import AnchorPlace
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.chore import Chore
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.metrics import UpkeepMetrics

SENDING_INTERVAL_S: Final = 60.0
"""Of what was anchored since, and is undone together with its anchor before it is sent, nothing tells."""
POLL_INTERVAL_S: Final = 0.5


class AnchorSender:
    """Knows what is there already; nothing at the start, so that all is sent once."""

    def __init__(self, anchors: Anchors, place: AnchorPlace) -> None:
        self._anchors = anchors
        self._place = place
        self._sent: dict[uuid.UUID, Anchor] = {}

    def run(self, stop: threading.Event, metrics: UpkeepMetrics) -> None:
        """Send until `stop`, in a thread of its own: a place that hangs keeps nothing else waiting."""
        chore = Chore("anchors", self.send, SENDING_INTERVAL_S, metrics, lambda: None)
        while not stop.is_set():
            chore.do_when_due()
            stop.wait(POLL_INTERVAL_S)

    def send(self) -> None:
        """Send what has changed since the last time.

        Raises:
            SpoolError, OSError: the place does not take it; it is sent the next time.
        """
        unsent = {}
        for chain_id in self._anchors.chains():
            with contextlib.suppress(SpoolError):  # `verify` tells of it
                anchor = self._anchors.of(chain_id)
                if anchor is not None and anchor != self._sent.get(chain_id):
                    unsent[chain_id] = anchor
        register = self._anchors.register()
        if unsent and register is not None:
            self._place.send(unsent, register)
            self._sent |= unsent
