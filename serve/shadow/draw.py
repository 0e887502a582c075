"""Which records are drawn to be scored by the shadow too."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 8
"""Bytes of the hash that draw."""
_ALL: Final = 1 << (8 * _DIGITS)


def is_drawn(record_hash: bytes, share: float) -> bool:
    """Whether a record is in the sample of this share.

    A record's hash is uniform, costs nothing, and holds a random salt, so no client can choose to be drawn or not. It
    is on record: anybody can say afterwards which records should have a shadow, and so which ones were dropped.
    """
    return int.from_bytes(record_hash[:_DIGITS]) < share * _ALL
