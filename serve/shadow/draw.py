"""Sampling of records for the shadow."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = 8
"""Bytes of the hash used for sampling."""
_ALL: Final = 1 << (8 * _DIGITS)


def is_drawn(record_hash: bytes, share: float) -> bool:
    """Whether a record is in the sample of this share. A record's hash is uniform, costs nothing, and includes a random
    salt, so no client can choose whether it is sampled. It is on record, so anybody can determine later which records
    should have a shadow, and which were dropped.
    """
    return int.from_bytes(record_hash[:_DIGITS]) < share * _ALL
