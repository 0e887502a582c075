"""The receipt of an erasure: what was erased and where, what was reached, and what remains until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from serve.audit.person import Answered
from serve.audit.rewriting import Rewritten

REMAINS_UNTIL_REWRITE: Final = (
    "PostgreSQL's files hold the old rows in free space, indexes, statistics and WAL until `python -m serve.audit "
    "rewrite` has run"
)
NOT_REACHED: Final = (
    "backups and archived WAL: remove or overwrite those from before, or erase again after a restore",
    "files of models that were trained before, which keep a few rows as tests of themselves",
    "free blocks of the file system below the database",
    "copies that clients or other programs have made, and log lines, which name request ids",
)


class Place(msgspec.Struct, frozen=True):
    """A row of which something was erased."""

    request_id: str
    """Where the ids of requests were erased too: the first letters of none."""
    row_number: int
    received_at: dt.datetime


class Receipt(msgspec.Struct, frozen=True):
    """What was erased and where, and nothing of what it said or whose it was."""

    erased_at: dt.datetime
    records: int
    rows: int
    outcomes: int
    cases: int
    """Of which words and ids were erased."""
    answers_by_idempotency_key: int
    request_ids: bool
    places: Sequence[Place]
    rewritten: Sequence[str]
    kept: str
    remains: Sequence[str]
    not_reached: Sequence[str]


def places_of(rows: Sequence[Answered], *, with_request_ids: bool) -> list[Place]:
    """Where the rows are; where their requests' ids were erased, the receipt must not keep them."""
    return [Place("erased" if with_request_ids else row.request_id, row.row_number, row.received_at) for row in rows]


def remains_after(rewritten: Rewritten | None) -> tuple[str, ...]:
    """What an erasure has left, with or without a rewrite after it."""
    if rewritten is None:
        return (REMAINS_UNTIL_REWRITE,)
    return tuple(f"{left}: until its administrator writes it again, or it is written over" for left in rewritten.left)


def encode_receipt(receipt: Receipt) -> bytes:
    """As JSON."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"
