"""A request's id may carry a name (`X-Request-ID` is the client's word): take it out of the record.

It is chained, so the record's own hash can't be made again afterwards. The ledger holds a digest of all that is left,
with that hash and the one before it, so nothing else of the record can change, and the chain goes on behind it.
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
    """Give records other request ids, which say nothing.

    Raises:
        AuditError: one is not what was answered; nothing counts before `amendment` is committed.
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
