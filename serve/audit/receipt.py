"""The receipt of an erasure: what was erased and where, what was not reached, and what remains until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from serve.audit.person import Answered
from serve.audit.rewriting import Rewritten

REMAINS_UNTIL_REWRITE: Final = (
    "PostgreSQL's files contain the old rows in free space, indexes, statistics and WAL until `python -m serve.audit "
    "rewrite` has run"
)
NOT_REACHED: Final = (
    "backups and archived WAL: remove or overwrite those from before, or erase again after a restore",
    "files of models trained before, which contain a few rows for their self-test",
    "free blocks of the file system below the database",
    "copies that clients or other programs have made, and log lines, which name request ids",
)


class Place(msgspec.Struct, frozen=True):
    """A row that was partly erased."""

    request_id: str
    """Empty if the ids of requests were erased too."""
    row_number: int
    received_at: dt.datetime


class Receipt(msgspec.Struct, frozen=True):
    """What was erased and where, without its content or owner."""

    erased_at: dt.datetime
    records: int
    rows: int
    outcomes: int
    cases: int
    """Cases whose texts and ids were erased."""
    answers_by_idempotency_key: int
    answers_of_streams: int
    """Answers that were recorded and not published yet."""
    request_ids: bool
    places: Sequence[Place]
    rewritten: Sequence[str]
    kept: str
    remains: Sequence[str]
    not_reached: Sequence[str]


def places_of(rows: Sequence[Answered], *, with_request_ids: bool) -> list[Place]:
    """The places of the rows; if their requests' ids were erased, the receipt must not contain them."""
    return [Place("erased" if with_request_ids else row.request_id, row.row_number, row.received_at) for row in rows]


def remains_after(rewritten: Rewritten | None) -> tuple[str, ...]:
    """What remains after an erasure, with or without a rewrite."""
    if rewritten is None:
        return (REMAINS_UNTIL_REWRITE,)
    return tuple(f"{left}: until its administrator rewrites it, or it is overwritten" for left in rewritten.left)


def encode_receipt(receipt: Receipt) -> bytes:
    """As JSON."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"
