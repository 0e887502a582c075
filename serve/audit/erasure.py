"""`erase`: remove one person's features, ids, reasons and pseudonym from all records, and from all other tables."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.acting_person import person_here
from fraud.counted import counted
from serve.audit.amendment import Amendment
from serve.audit.errors import AuditError
from serve.audit.ledger import Kind
from serve.audit.person_cases import RowPlace, erase_cases
from serve.audit.shadows import erase_shadows
from serve.audit.stored_rows import LoggedRecord, records_of_applicant
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.chain import SALT_BYTES
from serve.prediction_log.frame import StoredRecord, digest_of
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.segment import list_segments

POLL_INTERVAL_S: Final = 0.2
APPLICATION_NAME: Final = "prediction-log-audit"

_BLANK_FEATURES: Final = """
    UPDATE prediction_requests SET features[%(first)s:%(last)s] = array_fill(NULL::real, ARRAY[%(count)s]),
        applicant_refs[%(row)s] = NULL, salt = %(salt)s
    WHERE chain_id = %(chain_id)s::uuid AND sequence = %(sequence)s
"""
_BLANK_ID: Final = """
    UPDATE prediction_requests SET application_ids[%(row)s] = NULL
    WHERE chain_id = %(chain_id)s::uuid AND sequence = %(sequence)s
"""
_DELETE_GROUPS: Final = "DELETE FROM public.applicant_groups WHERE application_id = ANY(%s)"
_BLANK_REASONS: Final = """
    UPDATE prediction_requests SET reasons[%(first)s:%(last)s] = array_fill(NULL::real, ARRAY[%(count)s])
    WHERE chain_id = %(chain_id)s::uuid AND sequence = %(sequence)s
"""
_ERASE_OUTCOMES: Final = "SELECT public.erase_outcomes(%s, %s)"


@dataclass(frozen=True, slots=True)
class Erased:
    """The amounts erased, and the records concerned."""

    records: int
    rows: int
    outcomes: int = 0
    cases: int = 0
    places: Sequence[RecordPlace] = ()


def refuse_damaged(spool: Path) -> None:
    """Return if the spool has no damaged file.

    Raises:
        AuditError: a damaged file may contain unreadable records.
    """
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists() and any(damaged.iterdir()):
        raise AuditError(
            f"{damaged} has files that may contain features of the person: examine them, and move them out of the spool"
        )


def wait_for_spool(spool: Path, timeout_s: float) -> None:
    """Return once everything that was in the spool is in PostgreSQL and removed from disk.

    Raises:
        AuditError: not within `timeout_s`, or a damaged file may contain unreadable records.
    """
    refuse_damaged(spool)
    present = set(list_segments(spool)) if spool.exists() else set()
    deadline = time.monotonic() + timeout_s
    while present and (present := present & set(list_segments(spool))):
        if time.monotonic() > deadline:
            raise AuditError(
                f"not shipped after {timeout_s:.0f} s: {counted(len(present), 'file')} of the spool; start the server, "
                "and make sure that PostgreSQL answers; then run this again"
            )
        time.sleep(POLL_INTERVAL_S)


def erase(connection: Connection, anchors: Anchors, pseudonyms: Sequence[bytes]) -> Erased:
    """Erase one person from every record, in one transaction that is committed here; a second call finds nothing. This
    includes outcomes and group attributes of the person's applications, a shadow version's answers, and officers' texts
    and ids in cases.

    Raises:
        AuditError: a record is not as answered, so it is unknown what to keep of it.
        psycopg2.Error: PostgreSQL refuses.
    """
    amendment = Amendment(connection, anchors)
    erased = erase_rows_of(connection, amendment, list(records_of_applicant(connection, pseudonyms)), pseudonyms)
    amendment.commit()
    return erased


def erase_rows_of(
    connection: Connection, amendment: Amendment, records: Sequence[LoggedRecord], pseudonyms: Sequence[bytes]
) -> Erased:
    """Erase one person's rows of records, and the outcomes of their applications; the caller commits `amendment`.

    Raises:
        AuditError, psycopg2.Error: as `erase`.
    """
    for logged in records:
        amendment.check_content(logged)
    rows = 0
    names: set[str] = set()
    places: list[RowPlace] = []
    for logged in records:
        found = rows_of(logged, pseudonyms)
        names |= {name for row in found if (name := _id_of(logged, row)) is not None}
        amendment.enter(logged, Kind.PERSON, found, _erase_rows(connection, logged, found))
        erase_shadows(connection, logged, found)
        places += [(str(logged.chain_id), logged.record.facts.sequence, row) for row in found]
        rows += len(found)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_GROUPS, (sorted(names),))
        cursor.execute(_ERASE_OUTCOMES, (person_here(), sorted(names)))
        ((outcomes,),) = cursor.fetchall()
    cases = erase_cases(connection, places)
    return Erased(len(records), rows, outcomes, cases, tuple(place_of(logged) for logged in records))


def rows_of(logged: LoggedRecord, pseudonyms: Sequence[bytes]) -> list[int]:
    """The rows of a record that belong to one person."""
    return [row for row, reference in enumerate(logged.record.applicant_refs or ()) if reference in pseudonyms]


def place_of(logged: LoggedRecord) -> RecordPlace:
    """A record's place."""
    return RecordPlace(logged.chain_id, logged.record.facts.sequence)


def _id_of(logged: LoggedRecord, row: int) -> str | None:
    return None if logged.record.application_ids is None else logged.record.application_ids[row]


def _erase_rows(connection: Connection, logged: LoggedRecord, rows: Sequence[int]) -> bytes:
    """Blank the rows; returns the digest of the record's remaining content."""
    record = logged.record
    references = list(record.applicant_refs or ())
    ids = None if record.application_ids is None else list(record.application_ids)
    features = record.features.copy()
    reasons = None if record.reasons is None else record.reasons.copy()
    for row in rows:
        features[row] = np.nan
        references[row] = None
        if ids is not None:
            ids[row] = None
        if reasons is not None:
            reasons[row] = np.nan
    salt = secrets.token_bytes(SALT_BYTES)
    left = msgspec.structs.replace(
        record, application_ids=ids, applicant_refs=references, features=features, reasons=reasons, salt=salt
    )
    _blank(connection, place_of(logged), rows, left)
    return digest_of(left)


def _blank(connection: Connection, place: RecordPlace, rows: Sequence[int], left: StoredRecord) -> None:
    values = {"salt": left.salt, "chain_id": str(place.chain_id), "sequence": place.sequence}
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(_BLANK_FEATURES, values | _elements(row, left.features))
            if left.application_ids is not None:
                cursor.execute(_BLANK_ID, values | {"row": row + 1})
            if left.reasons is not None:
                cursor.execute(_BLANK_REASONS, values | _elements(row, left.reasons))


def _elements(row: int, matrix: NDArray[np.float32]) -> dict[str, int]:
    """The subscripts of a matrix's row in PostgreSQL's array."""
    width = matrix.shape[1]
    return {"row": row + 1, "first": row * width + 1, "last": (row + 1) * width, "count": width}
