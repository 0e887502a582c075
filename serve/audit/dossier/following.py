"""Follows the chain from a record to the nearest anchor, reading and checking the log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg2.extensions import connection as Connection

from serve.audit.binary_rows import LAST_TIME_US, LoggedRow, UnreadableRecord
from serve.audit.chain_check import follows
from serve.audit.dossier.proof import Link
from serve.audit.errors import AuditError
from serve.audit.stored_rows import LoggedRecord, LogReader, Place, snapshot
from serve.audit.witnesses import Outside
from serve.prediction_log.anchor import Anchor, SentAnchor
from serve.prediction_log.chain import encode_facts

MOST_LINKS: Final = 10_000
"""Maximum number of records followed: takes some seconds, whatever their rows."""
MOST_LINK_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of facts, digests and probabilities; base64 adds a third in the file."""

NO_ANCHOR: Final = "there is no known anchor of the chain at or after the record"
TOO_FAR: Final = (
    f"the nearest known anchor is further away than {MOST_LINKS:,} records or {MOST_LINK_BYTES // 2**20} MiB: anchors "
    f"collected elsewhere (--anchors) may be nearer"
)
RENAMED_BETWEEN: Final = "the request id of a record in between was erased, so its hash can't be recomputed"
OF_OTHERS: Final = "the records in between are about other people"


@dataclass(frozen=True, slots=True)
class Way:
    """How far a chain was followed."""

    anchor: SentAnchor | None
    links: Sequence[Link] = ()
    followed_to: int | None = None
    why_not: str | None = None
    """Why it was not followed to the anchor, or why the links are missing."""


def nearest_anchor(outside: Outside, chain_id: uuid.UUID, sequence: int) -> Anchor | None:
    """The first known anchor of a chain at or after a record.

    Raises:
        AuditError: it is not signed with the key.
    """
    known = [outside.anchor_of(chain_id), *outside.collected.ends.get(chain_id, {}).values()]
    anchor = min((one for one in known if one.sequence >= sequence), key=lambda one: one.sequence, default=None)
    if anchor is not None and outside.key is not None and not outside.key.has_signed(chain_id, anchor):
        raise AuditError(
            f"the anchor of chain {chain_id} does not match its signature under AUDIT_KEY: run `python -m serve.audit "
            f"verify`"
        )
    return anchor


def follow(connection: Connection, outside: Outside, start: LoggedRecord, renamed: Mapping[int, bytes]) -> Way:
    """Follow a chain from a record to the nearest anchor; `renamed` are digests of facts from the ledger.

    Raises:
        AuditError: a record on the way was changed, or the anchor does not match.
    """
    chain_id, sequence, last = start.chain_id, start.record.facts.sequence, start.record.hash
    anchor = nearest_anchor(outside, chain_id, sequence)
    if anchor is None:
        return Way(None, why_not=NO_ANCHOR)
    sent = SentAnchor(**{name: getattr(anchor, name) for name in Anchor.__struct_fields__}, chain=chain_id.hex)
    if anchor.sequence - sequence > MOST_LINKS:
        return Way(sent, why_not=TOO_FAR)
    links: list[Link] = []
    size = 0
    for row in _behind(connection, chain_id, sequence):
        if sequence == anchor.sequence:
            break
        sequence += 1
        if row.facts.sequence != sequence or not follows(row, row.probabilities, last, renamed.get(sequence)):
            raise not_as_written(chain_id, sequence)
        last = row.hash
        links.append(Link(row.digest, encode_facts(row.facts), row.probabilities))
        size += sum(map(len, (row.digest, links[-1].facts, row.probabilities)))
        if size > MOST_LINK_BYTES:
            return Way(sent, why_not=TOO_FAR)
    if (sequence, last) != (anchor.sequence, anchor.hash):
        raise not_as_written(chain_id, sequence)
    if any(start.record.facts.sequence < number <= sequence for number in renamed):
        return Way(sent, (), sequence, RENAMED_BETWEEN)
    return Way(sent, links, sequence)


def not_as_written(chain_id: uuid.UUID, sequence: int) -> AuditError:
    """The error of a record that can't be used for a dossier."""
    return AuditError(
        f"record {sequence} of chain {chain_id} was changed or is missing, so a dossier would prove nothing; run "
        f"`python -m serve.audit verify`"
    )


def _behind(connection: Connection, chain_id: uuid.UUID, sequence: int) -> Iterator[LoggedRow]:
    reader = LogReader(connection)
    while True:
        with snapshot(connection):
            rows = reader.rest_of_chain(Place(chain_id, sequence, LAST_TIME_US))
        for row in reader.decode(rows):
            if isinstance(row, UnreadableRecord):
                raise not_as_written(chain_id, row.sequence)
            sequence = row.facts.sequence
            yield row
        if not rows:
            return
