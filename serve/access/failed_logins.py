"""Throttling of failed logins by sender: each failure delays the next answer, and after many failures passwords are not
checked.

Only failed logins are delayed. A valid API key always passes at once: keys can't be guessed, so delaying a client that
shares its address with an attacker gains nothing. Passwords can be guessed, so after many failures none is checked for
a while, right or wrong; otherwise many parallel connections could guess at any rate.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

FREE_FAILURES: Final = 5
"""Failures without a delay: a mistyped password costs nothing."""
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 3.0
LONGEST_LOCK_S: Final = 60.0
"""After this time a password is checked again."""
MAX_SENDERS: Final = 10_000
"""Maximum number of remembered senders: beyond it the oldest are forgotten, so memory is bounded."""

_IPV6_SITE_BITS: Final = 64
"""Senders are counted by IPv6 network, since one client usually has a whole network."""


class Patience(NamedTuple):
    """Limits of failures."""

    guesses: int
    """Failures after which passwords are not checked."""
    forgiven_after_s: float
    """Time after which one failure is forgotten, seconds."""


OF_ONE: Final = Patience(guesses=20, forgiven_after_s=10.0)
"""Limits for one sender."""
OF_ALL: Final = Patience(guesses=1_000, forgiven_after_s=1.0)
"""Limits over all senders: an attacker with many addresses can't guess faster than this."""


class Failures(NamedTuple):
    """The failures of a sender."""

    unforgiven: float
    """Current number, after decay."""
    moment: float
    total: int
    """Number since it was last zero."""


NO_FAILURES: Final = Failures(0.0, 0.0, 0)


class FailedLogins:
    """The failed logins seen by this process. Call it on the event loop; it never blocks."""

    def __init__(self, patience: Patience = OF_ONE, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._most = patience.guesses + LONGEST_LOCK_S / patience.forgiven_after_s
        self._failures: OrderedDict[str, Failures] = OrderedDict()
        """Failures by site, newest last."""

    def __len__(self) -> int:
        """Number of remembered sites."""
        return len(self._failures)

    def add(self, sender: str) -> int:
        """Count a failure of an address or browser; returns the number since it was last zero."""
        site = site_of(sender)
        before = self._now(site)
        after = Failures(min(self._most, before.unforgiven + 1.0), self._clock(), before.total + 1)
        self._failures[site] = after
        self._failures.move_to_end(site)
        if len(self._failures) > MAX_SENDERS:
            self._failures.popitem(last=False)
        return after.total

    def wait_before_guess_s(self, sender: str) -> float:
        """Time during which passwords from there are not checked, seconds."""
        too_many = self._now(site_of(sender)).unforgiven - self._patience.guesses
        return max(0.0, too_many * self._patience.forgiven_after_s)

    def _now(self, site: str) -> Failures:
        found, now = self._failures.get(site, NO_FAILURES), self._clock()
        unforgiven = found.unforgiven - (now - found.moment) / self._patience.forgiven_after_s
        return found._replace(unforgiven=unforgiven, moment=now) if unforgiven > 0.0 else NO_FAILURES


def delay_s(failures: int) -> float:
    """Delay of the answer after this number of failures, seconds."""
    if failures <= FREE_FAILURES:
        return 0.0
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - FREE_FAILURES - 1, 10))


def site_of(address: str) -> str:
    """The key of a sender: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed), _IPV6_SITE_BITS), strict=False))
    return address
