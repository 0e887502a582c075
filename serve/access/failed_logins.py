"""Failed logins by their senders: each one more makes the next answer slower, and passwords stop being looked at.

Only wrong logins wait. A right API key always passes at once: it can't be guessed, so nothing is gained by holding up
a client that shares its address with somebody who tries. A password can be guessed, so after many failures none is
looked at for a while, right or wrong; otherwise many connections at the same time would guess as fast as they like.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

FREE_FAILURES: Final = 5
"""A mistyped password costs nothing."""
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 3.0
LONGEST_LOCK_S: Final = 60.0
"""After it a password is looked at, whatever came before."""
MAX_SENDERS: Final = 10_000
"""Beyond it those are forgotten that failed longest ago: memory stays bounded."""

_IPV6_SITE_BITS: Final = 64
"""Whoever has one IPv6 address has a network of them."""


class Patience(NamedTuple):
    """How many failures are borne."""

    guesses: int
    """Failures after which passwords are not looked at."""
    forgiven_after_s: float
    """One failure is forgotten each time so much has passed."""


OF_ONE: Final = Patience(guesses=20, forgiven_after_s=10.0)
"""With one sender."""
OF_ALL: Final = Patience(guesses=1_000, forgiven_after_s=1.0)
"""With all senders together: whoever has many addresses guesses no faster than that."""


class Failures(NamedTuple):
    """What is remembered of a sender."""

    unforgiven: float
    """At the moment."""
    moment: float
    total: int
    """Since there were none."""


NO_FAILURES: Final = Failures(0.0, 0.0, 0)


class FailedLogins:
    """The failures that this process has seen. Call it on the event loop; it never waits itself."""

    def __init__(self, patience: Patience = OF_ONE, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._most = patience.guesses + LONGEST_LOCK_S / patience.forgiven_after_s
        self._failures: OrderedDict[str, Failures] = OrderedDict()
        """By site; the newest last."""

    def __len__(self) -> int:
        """Sites that are remembered."""
        return len(self._failures)

    def add(self, sender: str) -> int:
        """Count one more failure of an address or browser; returns how many there were since there were none."""
        site = site_of(sender)
        before = self._now(site)
        after = Failures(min(self._most, before.unforgiven + 1.0), self._clock(), before.total + 1)
        self._failures[site] = after
        self._failures.move_to_end(site)
        if len(self._failures) > MAX_SENDERS:
            self._failures.popitem(last=False)
        return after.total

    def wait_before_guess_s(self, sender: str) -> float:
        """How long no password from there is looked at, seconds."""
        too_many = self._now(site_of(sender)).unforgiven - self._patience.guesses
        return max(0.0, too_many * self._patience.forgiven_after_s)

    def _now(self, site: str) -> Failures:
        found, now = self._failures.get(site, NO_FAILURES), self._clock()
        unforgiven = found.unforgiven - (now - found.moment) / self._patience.forgiven_after_s
        return found._replace(unforgiven=unforgiven, moment=now) if unforgiven > 0.0 else NO_FAILURES


def delay_s(failures: int) -> float:
    """How long the answer to the newest of so many failures waits, seconds."""
    if failures <= FREE_FAILURES:
        return 0.0
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - FREE_FAILURES - 1, 10))


def site_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the network that an IPv6 address is from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed), _IPV6_SITE_BITS), strict=False))
    return address
