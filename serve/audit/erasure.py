"""`erase`: take one person's features, ids and pseudonym out of all records, and leave entries in the ledger for them.

A record's hash covers a salted digest of these and not the values, so the chain still verifies. The record's old salt
goes too: without it nobody can find out from the digest what the features were. The digest of what is left stands in
the ledger, so that it can't be changed afterwards either.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.database import open_connection
from fraud.features import FEATURE_COUNT
from serve.audit.chain_check import digests_after_erasure
from serve.audit.errors import AuditError
from serve.audit.ledger import LEDGER, LEDGER_PENDING, Erasure, append, end_of, new_entry, read_ledger
from serve.audit.stored_rows import LoggedRecord, records_of_applicant
from serve.prediction_log.anchors import Anchor, Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.chain import SALT_BYTES, as_bytes, content_digest, encode_list
from serve.prediction_log.segment import list_segments
from serve.prediction_log.table import ChainEnd

POLL_INTERVAL_S: Final = 0.2
APPLICATION_NAME: Final = "prediction-log-audit"

LOCK: Final = "SELECT pg_advisory_xact_lock(7211975)"
"""Held to its end by a transaction during which nobody else may erase."""
_BLANK_FEATURES: Final = """
    UPDATE prediction_requests SET features[%(first)s:%(last)s] = array_fill(NULL::real, ARRAY[%(count)s]),
        applicant_refs[%(row)s] = NULL, salt = %(salt)s
    WHERE chain_id = %(chain_id)s::uuid AND sequence = %(sequence)s
"""
_BLANK_ID: Final = """
    UPDATE prediction_requests SET application_ids[%(row)s] = NULL
    WHERE chain_id = %(chain_id)s::uuid AND sequence = %(sequence)s
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased."""

    records: int
    rows: int


def wait_for_spool(spool: Path, timeout_s: float) -> None:
    """Return once everything that was in the spool is in PostgreSQL and gone from the disk.

    Raises:
        AuditError: not within `timeout_s`, or a damaged file holds what nobody can read.
    """
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists() and any(damaged.iterdir()):
        raise AuditError(f"{damaged} has files that may hold features of the person: look at them, remove them first")
    present = set(list_segments(spool)) if spool.exists() else set()
    deadline = time.monotonic() + timeout_s
    while present and (present := present & set(list_segments(spool))):
        if time.monotonic() > deadline:
            raise AuditError(
                f"{len(present)} files of the spool are not shipped after {timeout_s:.0f} s: start the server, and see "
                "to it that PostgreSQL answers; then run this again"
            )
        time.sleep(POLL_INTERVAL_S)


def erase(connection: Connection, anchors: Anchors, pseudonym: bytes) -> Erased:
    """Erase one person from every record, in one transaction that is committed here; a second time finds nothing.

    Raises:
        AuditError: a record is not what was answered, so that it can't be told what of it to keep.
        psycopg2.Error: PostgreSQL refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    ledger = read_ledger(connection)
    left = digests_after_erasure(ledger)
    records = list(records_of_applicant(connection, pseudonym))
    for logged in records:
        _check(logged, left.get(logged.chain_id, {}).get(logged.record.facts.sequence))
    now = dt.datetime.now(dt.UTC)
    rows = 0
    for logged in records:
        entry = _erase_record(connection, logged, pseudonym, now, end_of(ledger))
        append(connection, entry)
        ledger.append(entry)
        rows += len(entry.rows)
    _anchor(anchors, LEDGER_PENDING, ledger)
    connection.commit()
    _anchor(anchors, LEDGER, ledger)
    return Erased(len(records), rows)


def remove_old_versions(dsn: str) -> None:
    """Have PostgreSQL give up what the erased rows were: it keeps old versions of a row until it is vacuumed.

    Raises:
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with contextlib.closing(open_connection(dsn, APPLICATION_NAME)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (INDEX_CLEANUP ON) prediction_requests")


def _check(logged: LoggedRecord, after_erasure: bytes | None) -> None:
    record = logged.record
    ids, refs = encode_list(record.application_ids), encode_list(record.applicant_refs)
    if content_digest(record.salt, ids, refs, as_bytes(record.features)) != (after_erasure or record.digest):
        place = f"record {record.facts.sequence} of chain {logged.chain_id}"
        raise AuditError(f"{place} is not what was answered: `python -m serve.audit verify` tells more; nothing erased")


def _erase_record(
    connection: Connection, logged: LoggedRecord, pseudonym: bytes, now: dt.datetime, end: ChainEnd
) -> Erasure:
    record = logged.record
    references = list(record.applicant_refs or ())
    rows = [row for row, reference in enumerate(references) if reference == pseudonym]
    ids = None if record.application_ids is None else list(record.application_ids)
    features = record.features.copy()
    for row in rows:
        features[row] = np.nan
        references[row] = None
        if ids is not None:
            ids[row] = None
    salt = secrets.token_bytes(SALT_BYTES)
    place = ChainEnd(logged.chain_id, record.facts.sequence, record.hash)
    _blank(connection, place, rows, salt, with_ids=ids is not None)
    digest = content_digest(salt, encode_list(ids), encode_list(references), as_bytes(features))
    return new_entry(end, now, place, rows, digest)


def _blank(connection: Connection, place: ChainEnd, rows: Sequence[int], salt: bytes, *, with_ids: bool) -> None:
    with connection.cursor() as cursor:
        for row in rows:
            values = {
                "first": row * FEATURE_COUNT + 1,
                "last": (row + 1) * FEATURE_COUNT,
                "count": FEATURE_COUNT,
                "row": row + 1,
                "salt": salt,
                "chain_id": str(place.chain_id),
                "sequence": place.sequence,
            }
            cursor.execute(_BLANK_FEATURES, values)
            if with_ids:
                cursor.execute(_BLANK_ID, values)


def _anchor(anchors: Anchors, chain_id: uuid.UUID, ledger: Sequence[Erasure]) -> None:
    end = end_of(ledger)
    anchors.write(chain_id, Anchor(sequence=end.sequence, hash=end.hash), durable=True)
