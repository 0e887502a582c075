"""Sends a spool's anchors elsewhere whenever they change, regardless of their writer."""

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
"""Interval of sending: records removed together with their anchor before it is sent leave no trace."""
POLL_INTERVAL_S: Final = 0.5


class AnchorSender:
    """Remembers what was sent; empty at the start, so that everything is sent once."""

    def __init__(self, anchors: Anchors, place: AnchorPlace) -> None:
        self._anchors = anchors
        self._place = place
        self._sent: dict[uuid.UUID, Anchor] = {}

    def run(self, stop: threading.Event, metrics: UpkeepMetrics) -> None:
        """Send until `stop`; run it in its own thread, so that a hanging place delays nothing else."""
        chore = Chore("anchors", self.send, SENDING_INTERVAL_S, metrics, lambda: None)
        while not stop.is_set():
            chore.do_when_due()
            stop.wait(POLL_INTERVAL_S)

    def send(self) -> None:
        """Send the anchors that have changed since the last call.

        Raises:
            SpoolError, OSError: the place does not accept them; they are sent again next time.
        """
        unsent = {}
        for chain_id in self._anchors.chains():
            with contextlib.suppress(SpoolError):  # `verify` reports it
                anchor = self._anchors.of(chain_id)
                if anchor is not None and anchor != self._sent.get(chain_id):
                    unsent[chain_id] = anchor
        register = self._anchors.register()
        if unsent and register is not None:
            self._place.send(unsent, register)
            self._sent |= unsent
