"""How long each part of the soak test takes, and which cores do what."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from bench.experiments.site.errors import SiteError
from bench.experiments.soak.load_plan import Stretch

SOAK_LOAD: Final = 0.7
OVERLOAD: Final = 2.0
"""Of the maximum."""
SECONDS_A_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds of each part."""

    maximum_s: float
    soak_s: float
    beside_s: float
    """Of the maximum before the overload, and of that after it."""
    overload_s: float
    after_s: float

    @classmethod
    def of(cls, minutes: float) -> Durations:
        """Most of the time goes to the soak; the other parts need a minute at most.

        A machine's maximum changes within ten minutes, by a tenth and more, so the overload is compared with the
        maximum before and after it. In a few seconds PostgreSQL makes no checkpoint, and what is found is more than can
        be kept up.
        """
        whole_s = minutes * SECONDS_A_MINUTE
        maximum_s = overload_s = min(60.0, 0.12 * whole_s)
        beside_s, after_s = min(20.0, 0.04 * whole_s), min(15.0, 0.08 * whole_s)
        soak_s = whole_s - maximum_s - overload_s - 2 * beside_s - after_s
        return cls(maximum_s, soak_s, beside_s, overload_s, after_s)

    def stretches(self, maximum_rps: float) -> tuple[Stretch, ...]:
        """What comes after the maximum is known, at shares of it."""
        return (
            Stretch("soak", self.soak_s, SOAK_LOAD * maximum_rps),
            Stretch("maximum before", self.beside_s),
            Stretch("overload", self.overload_s, OVERLOAD * maximum_rps),
            Stretch("after", self.after_s, SOAK_LOAD * maximum_rps),
            Stretch("maximum after", self.beside_s),
        )


@dataclass(frozen=True, slots=True)
class Cores:
    """The load process has a core to itself, so that a higher load takes nothing from the server.

    Server, shipper and PostgreSQL share the others: what they can do together is the maximum.
    """

    site: Set[int]
    load: Set[int]

    @classmethod
    def of_this_process(cls) -> Cores:
        """Divide the cores that this process may use.

        Raises:
            SiteError: it is one core.
        """
        *site, load = sorted(os.sched_getaffinity(0))
        if not site:
            raise SiteError("two cores are needed: one for the server, one for the load")
        return cls(frozenset(site), frozenset({load}))
