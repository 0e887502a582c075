"""Compares anchors collected elsewhere with records that an earlier verification has read.

A place of anchors grows: a resumed verification may find new ones of records that are not read again. All anchors up to
its start are compared with the hashes in the table.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from psycopg2.extensions import connection as Connection

from serve.audit.chain_check import ANCHORED_ELSEWHERE
from serve.audit.collected import Collected
from serve.audit.findings import Fault, Finding
from serve.audit.ledger import NO_CHAINS
from serve.audit.stored_rows import Place
from serve.prediction_log.anchor import Anchor

Hashes = Mapping[uuid.UUID, Mapping[int, bytes]]
"""By chain and sequence."""

_HASHES: Final = """
    SELECT sequence, coalesce(hash, '') FROM public.prediction_requests
    WHERE chain_id = %s::uuid AND sequence = ANY(%s)
"""


def collected_up_to(collected: Collected, place: Place) -> Hashes:
    """The anchored hashes of records up to a place, in reading order of the log."""
    found = {}
    for chain_id in sorted(collected.ends.keys() - NO_CHAINS):
        hashes = collected.hashes(chain_id)
        if chain_id == place.chain_id:
            hashes = {sequence: end for sequence, end in hashes.items() if sequence <= place.sequence}
        if chain_id <= place.chain_id:
            found[chain_id] = hashes
    return found


def stored_hashes(connection: Connection, records: Hashes) -> Hashes:
    """The hashes of these records in the table, as far as they exist."""
    found = {}
    with connection.cursor() as cursor:
        for chain_id, hashes in records.items():
            cursor.execute(_HASHES, (str(chain_id), list(hashes)))
            found[chain_id] = {sequence: bytes(end) for sequence, end in cursor.fetchall()}
    return found


def compare_collected(collected: Hashes, stored: Hashes, anchor_of: Callable[[uuid.UUID], Anchor]) -> Iterator[Finding]:
    """Yield records whose hash differs from the anchored one, or that are missing; `anchor_of` shows what retention has
    removed.
    """
    for chain_id, hashes in collected.items():
        expired = anchor_of(chain_id).expired_sequence
        for sequence in sorted(hashes):
            found = stored[chain_id].get(sequence)
            if found is None and sequence > expired:
                yield Finding(Fault.MISSING, "it was anchored elsewhere, but is missing", chain_id, sequence)
            elif found is not None and found != hashes[sequence]:
                yield Finding(Fault.CHANGED, ANCHORED_ELSEWHERE, chain_id, sequence)
