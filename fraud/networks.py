"""Addresses and networks as a setting lists them."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(text: str) -> tuple[Network, ...]:
    """Comma-separated addresses (`10.0.0.7`, `2001:db8::7`) and networks (`10.0.0.0/8`).

    Raises:
        ValueError: an entry is neither, or a network with bits of an address in it, which may be a slip.
    """
    entries = [entry.strip() for entry in text.split(",")]
    return tuple(_parse_entry(number, entry) for number, entry in enumerate(entries, start=1) if entry)


def _parse_entry(number: int, entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise ValueError(f"entry {number}: expected an address or a network such as 10.0.0.0/8: {error}") from None
