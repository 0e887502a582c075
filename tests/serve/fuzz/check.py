"""One input after the other into a decoder: timed, counted, and kept where it shows a fault."""

from __future__ import annotations

import hashlib
import time
import traceback
from pathlib import Path

from tests.serve.fuzz.oracle import accepted
from tests.serve.fuzz.tally import SharedTally, Tally, memory_in_use
from tests.serve.fuzz.targets import Target

SLOWEST_S = 2.0
"""An input that takes longer on the processor is a fault: a stranger could hold up a server process with it."""


class Check:
    """Feeds one decoder."""

    def __init__(self, target: Target, planned: int, shared: SharedTally, faults: Path) -> None:
        self._target = target
        self._warm_after = planned // 10
        self._planned = planned
        self._shared = shared
        self._faults = faults
        self._places: set[str] = set()
        self.tally = Tally()

    def feed(self, body: bytes) -> None:
        """One input."""
        tally = self.tally
        started = time.thread_time_ns()
        try:
            if accepted(self._target.read, body):
                tally.accepted += 1
            else:
                tally.refused += 1
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            self._keep(body, traceback.format_exception(error))
        took_ns = time.thread_time_ns() - started
        if took_ns > SLOWEST_S * 1e9:
            self._keep(body, [f"took {took_ns / 1e9:.1f} s\n"])
        tally.slowest_ns = max(tally.slowest_ns, took_ns)
        tally.inputs += 1
        if tally.inputs == self._warm_after:
            tally.warm_bytes = memory_in_use()
        if tally.inputs % 1000 == 0 or tally.inputs == self._planned:
            tally.last_bytes = memory_in_use()
        if tally.inputs % 100 == 0 or tally.inputs == self._planned:
            self._shared.write(tally)

    def _keep(self, body: bytes, story: list[str]) -> None:
        self.tally.faults += 1
        place = story[-2] if len(story) > 1 else "slow"
        if place in self._places:
            return  # one of each kind is enough to mend it
        self._places.add(place)
        name = f"{self._target.name.replace(' ', '-')}-{hashlib.sha256(body).hexdigest()[:12]}"
        (self._faults / f"{name}.input").write_bytes(body)
        (self._faults / f"{name}.txt").write_text("".join(story))
