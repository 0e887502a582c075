"""`verify`: the whole log against its own hashes, and against what the server's machine knows of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from fraud.verdict import Verdict
from serve.audit.chain_check import ChainCheck, Witness, check_ledger, digests_after_erasure, digests_of_facts
from serve.audit.definitions import check_definitions
from serve.audit.findings import Fault, Finding
from serve.audit.ledger import LEDGER, LEDGER_PENDING, read_ledger
from serve.audit.stored_rows import UnreadableRecord, all_records, chain_marks
from serve.audit.witnesses import read_anchors, read_spool
from serve.prediction_log.anchors import Anchor

_KEEP_MONTHS: Final = "LOCK TABLE public.prediction_requests IN ACCESS SHARE MODE"
"""Before the snapshot is taken: a month that went between it and the first look at the table would seem missing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found."""

    chains: int
    records: int
    erasures: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Pass, also beside files that are none of the log's.

        Inconclusive where a chain's end has no witness here; fail for any other finding."""
        faults = {finding.fault for finding in self.findings}
        if faults - {Fault.UNWITNESSED, Fault.STRAY}:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if Fault.UNWITNESSED in faults else Verdict.PASS


def verify(connection: Connection, spool: Path) -> Report:
    """Read the whole log in one snapshot and check every record; servers may go on writing.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_MONTHS)
    before = read_anchors(spool).anchors
    ledger, marks = read_ledger(connection), chain_marks(connection)
    spooled = read_spool(spool)
    witnesses = read_anchors(spool)
    after = witnesses.anchors
    erased, renamed = digests_after_erasure(ledger), digests_of_facts(ledger)
    chains = (marks.keys() | before.keys()) - {LEDGER, LEDGER_PENDING}

    def new_check(chain_id: uuid.UUID) -> ChainCheck:
        known = before.get(chain_id, Anchor()), after.get(chain_id, Anchor())
        witness = Witness(*known, spooled.hashes.get(chain_id, {}))
        return ChainCheck(chain_id, witness, erased.get(chain_id, {}), renamed.get(chain_id, {}))

    checks = {chain_id: new_check(chain_id) for chain_id in chains}
    for chain_id, records in groupby(all_records(connection), key=lambda logged: logged.chain_id):
        check = checks.setdefault(chain_id, new_check(chain_id))
        for logged in records:
            if isinstance(logged, UnreadableRecord):
                check.see_unreadable(logged)
            else:
                check.see(logged.record)
    findings = [*witnesses.findings, *spooled.findings, *check_ledger(ledger, _ledger_ends(after))]
    for chain_id, check in checks.items():
        check.finish(marks.get(chain_id))
        findings += check.findings
    findings += check_definitions(connection)
    return Report(len(checks), sum(check.records for check in checks.values()), len(ledger), tuple(findings))


def _ledger_ends(anchors: dict[uuid.UUID, Anchor]) -> Iterator[Anchor]:
    """Where the ledger may end: at its anchor, or one erasure further if that was killed before it could say so."""
    anchor = anchors.get(LEDGER, Anchor())
    yield anchor
    pending = anchors.get(LEDGER_PENDING)
    if pending is not None and pending.sequence > anchor.sequence:
        yield pending
