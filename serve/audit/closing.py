"""`close-chain`: an operator's statement of a chain's end that nothing outside of the database shows."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import msgspec
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from serve.audit.closures import Closure, append_closure, end_of_closures, read_closures
from serve.audit.errors import AuditError
from serve.audit.findings import Fault
from serve.audit.ledger import CLOSURES
from serve.audit.stored_rows import LogReader, snapshot
from serve.audit.walk import Walk
from serve.audit.witnesses import Outside
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.segment import list_segments


def close_chain(
    connection: Connection, spool: Path, anchors: Anchors, chain_id: uuid.UUID, *, by: str, why: str
) -> Closure:
    """Verify a chain, and record that it ends where it does; returns the entry. If a run is killed, the same command
    finishes it.

    Raises:
        AuditError: the chain does not exist, is incomplete, or need not be closed; nothing has changed.
        SpoolError: the list of closed chains can't be read.
    """
    closures = read_closures(spool)
    closure = next((known for known in closures if known.chain_id == chain_id), None)
    if closure is None:
        _refuse_if_at_work(spool, anchors, chain_id)
        end = _verified_end(connection, spool, chain_id)
        before = end_of_closures(closures)
        blank = Closure(
            before.sequence + 1, time.time_ns() // 1000, chain_id.hex, end.sequence, end.hash, by=by, why=why
        )
        closure = blank.after(before.hash)
        append_closure(spool, closure)
        closures.append(closure)
    elif (anchors.of(CLOSURES) or Anchor()).sequence >= closure.number:
        raise AuditError(f"it is closed already: {closure}")
    with snapshot(connection):
        beginning = LogReader(connection).noted_beginning(chain_id)
    anchor = msgspec.structs.replace(beginning, sequence=closure.sequence, hash=closure.hash)
    anchors.write(chain_id, anchor, durable=True)
    anchors.write(CLOSURES, end_of_closures(closures), durable=True)
    return closure


def _refuse_if_at_work(spool: Path, anchors: Anchors, chain_id: uuid.UUID) -> None:
    if anchors.of(chain_id) is not None:
        raise AuditError(f"chain {chain_id} has an anchor here, which says where it ends: there is nothing to close")
    if spool.exists() and any(key.chain_id == chain_id for key in list_segments(spool)):
        raise AuditError(f"records of chain {chain_id} wait in the spool here: they must be shipped first")


def _verified_end(connection: Connection, spool: Path, chain_id: uuid.UUID) -> Anchor:
    """The end of a chain that is complete as far as can be checked without a witness."""
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    walk = Walk(connection, Outside(spool))
    end = walk.check_chain(chain_id)
    faults = [finding for finding in walk.findings.kept if finding.fault is not Fault.UNWITNESSED]
    if faults:
        raise AuditError(f"chain {chain_id} is incomplete, and was not closed: {faults[0].what}")
    if not end.sequence:
        raise AuditError(f"chain {chain_id} has no record here")
    return end
