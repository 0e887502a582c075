"""`rekey`: pseudonyms under earlier keys become those under the newest, for persons whose reference is given.

A pseudonym can't be reversed to its reference, so rekeying needs a list of references.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.audit.amendment import Amendment
from serve.audit.ledger import Kind
from serve.audit.stored_rows import LoggedRecord, records_of_applicant
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.chain import SALT_BYTES
from serve.prediction_log.frame import digest_of
from serve.prediction_log.pseudonym import KEY_ID_BYTES, Pseudonyms

REFERENCES_A_TRANSACTION: Final = 1_000
PSEUDONYM_BYTES: Final = 32

_REPLACE: Final = """
    UPDATE prediction_requests SET applicant_refs = %s::bytea[], salt = %s
    WHERE chain_id = %s::uuid AND sequence = %s
"""
_BY_KEY: Final = """
    SELECT CASE WHEN octet_length(ref) > %(bare)s THEN substring(ref FOR %(id)s) ELSE ''::bytea END, count(*)
    FROM public.prediction_requests, unnest(applicant_refs) AS ref
    WHERE applicant_refs IS NOT NULL AND ref IS NOT NULL
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The amounts moved to the newest key."""

    records: int = 0
    rows: int = 0


def rekey(connection: Connection, anchors: Anchors, pseudonyms: Pseudonyms, references: Iterable[str]) -> Rekeyed:
    """Rekey people, a thousand in each transaction; a second call changes nothing.

    Raises:
        AuditError: a record is not as answered; transactions committed before stay.
        psycopg2.Error: PostgreSQL refuses.
    """
    records = rows = 0
    for some in _in_parts(references):
        newest = {old: pseudonyms.of(reference) for reference in some for old in pseudonyms.all_of(reference)[1:]}
        amendment = Amendment(connection, anchors)
        for logged in list(records_of_applicant(connection, list(newest))):
            amendment.check_content(logged)
            changed = [row for row, old in enumerate(logged.record.applicant_refs or ()) if old in newest]
            amendment.enter(logged, Kind.REKEYED, changed, _replace(connection, logged, newest))
            records, rows = records + 1, rows + len(changed)
        amendment.commit()
    return Rekeyed(records, rows)


def rows_by_key(connection: Connection) -> dict[bytes, int]:
    """The number of rows under each key, by the key's id; the empty id is for pseudonyms without one."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_KEY, {"bare": PSEUDONYM_BYTES, "id": KEY_ID_BYTES})
        return {bytes(key_id): rows for key_id, rows in cursor.fetchall()}


def _in_parts(references: Iterable[str]) -> Iterator[Sequence[str]]:
    left = iter(references)
    while some := list(islice(left, REFERENCES_A_TRANSACTION)):
        yield some


def _replace(connection: Connection, logged: LoggedRecord, newest: Mapping[bytes, bytes]) -> bytes:
    """Returns the digest of the new content; the salt is replaced, or the old pseudonym could be tested against the old
    digest.
    """
    record = logged.record
    references = [None if old is None else newest.get(old, old) for old in record.applicant_refs or ()]
    salt = secrets.token_bytes(SALT_BYTES)
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE, (references, salt, str(logged.chain_id), record.facts.sequence))
    return digest_of(msgspec.structs.replace(record, applicant_refs=references, salt=salt))
