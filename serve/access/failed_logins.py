"""Failed logins by client address: each one more makes the next answer slower, and passwords stop being looked at.

Only wrong logins wait. A right API key always passes at once: it can't be guessed, so nothing is gained by holding up
a client that shares its address with somebody who tries. A password can be guessed, so after many failures none is
looked at for a while, right or wrong; otherwise many connections at the same time would guess as fast as they like.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 5
"""A mistyped password costs nothing."""
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 3.0
MAX_GUESSES: Final = 20
"""Failures after which passwords from there are not looked at."""
FORGIVEN_AFTER_S: Final = 10.0
"""One failure is forgotten each time so much has passed."""
MAX_ADDRESSES: Final = 10_000
"""Beyond it the addresses that failed longest ago are forgotten: memory stays bounded."""

_IPV6_SITE_BITS: Final = 64
"""Whoever has one IPv6 address has a network of them."""


class FailedLogins:
    """The failures that this process has seen. Call it on the event loop; it never waits itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By site: how many there were at a moment, and the moment; the newest last."""

    def __len__(self) -> int:
        """Sites that are remembered."""
        return len(self._failures)

    def add(self, address: str) -> int:
        """One more failure from there; gives how many there are."""
        site = site_of(address)
        count = self._count(site) + 1.0
        self._failures[site] = (count, self._clock())
        self._failures.move_to_end(site)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        return round(count)

    def wait_before_guess_s(self, address: str) -> float:
        """How long no password from there is looked at, seconds."""
        return max(0.0, (self._count(site_of(address)) - MAX_GUESSES) * FORGIVEN_AFTER_S)

    def _count(self, site: str) -> float:
        count, then = self._failures.get(site, (0.0, 0.0))
        return max(0.0, count - (self._clock() - then) / FORGIVEN_AFTER_S)


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
        return str(ipaddress.ip_network((parsed, _IPV6_SITE_BITS), strict=False))
    return address
