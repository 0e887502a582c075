"""A request id may identify a person (`X-Request-ID` is chosen by the client): erase it from the record.

It is part of the chain, so the record's own hash can't be recomputed afterwards. The ledger has a digest of everything
left, with that hash and the previous one, so nothing else of the record can change, and the chain continues after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.audit.amendment import Amendment
from serve.audit.chain_check import facts_digest
from serve.audit.ledger import Kind
from serve.audit.stored_rows import LoggedRecord
from serve.prediction_log.chain import as_bytes

_ID_BYTES: Final = 8
_RENAME: Final = """
    UPDATE prediction_requests SET request_id = %s WHERE chain_id = %s::uuid AND sequence = %s
"""


def erase_request_ids(connection: Connection, amendment: Amendment, records: Iterable[LoggedRecord]) -> None:
    """Replace records' request ids by meaningless ones.

    Raises:
        AuditError: a record is not as answered; nothing is effective before `amendment` is committed.
        psycopg2.Error: PostgreSQL refuses.
    """
    for logged in records:
        previous = amendment.check_facts(logged)
        request_id = f"erased-{secrets.token_hex(_ID_BYTES)}"
        facts = msgspec.structs.replace(logged.record.facts, request_id=request_id)
        with connection.cursor() as cursor:
            cursor.execute(_RENAME, (request_id, str(logged.chain_id), facts.sequence))
        left = msgspec.structs.replace(logged.record, facts=facts)
        amendment.enter(logged, Kind.REQUEST_ID, (), facts_digest(left, as_bytes(left.probabilities), previous))
