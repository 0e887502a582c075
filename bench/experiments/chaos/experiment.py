"""One fault under load, from quiet to quiet: what was sent, answered, refused, recorded, lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from bench.experiments.chaos.faults import Fault
from bench.experiments.chaos.load import Load
from bench.experiments.site.site import Site

ANSWERS_BEFORE: Final = 200
ANSWERS_AFTER: Final = 200
BACK_TIMEOUT_S: Final = 60.0
RECORD_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did."""

    fault: str
    seconds: float
    """That the fault lasted."""
    back_s: float
    """From its end until requests are answered as before."""
    sent: int
    answered: int
    refused: int
    """With 503."""
    broken: int
    """Connections that ended without an answer."""
    recorded: int
    lost: int
    """Answered and not on record."""
    twice: int
    """On record more than once."""
    disordered: int
    """Records whose time is before that of the record they follow."""
    unexpected: tuple[int, ...]
    """Statuses that are not promised."""

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.twice or self.disordered or self.unexpected)


def experiment(site: Site, fault: Fault) -> Outcome:
    """Break the site in one way while requests come, and wait until it is well again.

    Raises:
        SiteError: it does not get well.
    """
    load = Load(site.server.port, site.api_key)
    with load.running():
        site.wait_until(lambda: len(load.answered) > ANSWERS_BEFORE, BACK_TIMEOUT_S, "requests are answered")
        begun = time.monotonic()
        fault.act(site)
        ended = time.monotonic()
        before = len(load.answered)
        site.wait_until(
            lambda: len(load.answered) > before + ANSWERS_AFTER, BACK_TIMEOUT_S, f"answers after: {fault.name}"
        )
        site.wait_until(
            lambda: site.is_ready() and site.server.is_whole(), BACK_TIMEOUT_S, f"all processes run after: {fault.name}"
        )
        back_s = time.monotonic() - ended
    site.wait_until(lambda: load.answered <= site.recorded(load.name).keys(), RECORD_TIMEOUT_S, "all is on record")
    recorded = site.recorded(load.name)
    promised = {200, 503} if fault.may_refuse else {200}
    return Outcome(
        fault=fault.name,
        seconds=ended - begun,
        back_s=back_s,
        sent=load.sent,
        answered=len(load.answered),
        refused=load.answers[503],
        broken=load.broken,
        recorded=len(recorded),
        lost=len(load.answered - recorded.keys()),
        twice=sum(count > 1 for count in recorded.values()),
        disordered=site.disordered(load.name),
        unexpected=tuple(sorted(load.statuses - promised)),
    )
