"""`verify`: check the whole log against its own hashes, and against the evidence on the server's machine.

```
a step: begin -> new entries of the ledger -> a page of records -> marks of the chains that end in it -> commit
        -> anchors of these chains -> hash the page
```

Each step is a separate transaction, which ends before the page is hashed, so a verification blocks nobody. Changes
between two steps can neither hide a fault nor look like one:

- **Shipping** adds records to the end of a chain. A chain's end, its mark and the absence of further records are read
  in one snapshot; its anchor afterwards. If the anchor is further on by then, the chain is read up to it.
- **Retention** removes the beginning of chains, month by month, and anchors before it does so. So an anchor read after
  a snapshot covers everything missing in it. A gap is accepted only at the beginning of a step.
- **Erasure** changes records and writes to the ledger in one transaction: a step sees both or neither. The part of the
  ledger already read must still be its beginning at the end.
- **Chains that begin meanwhile** are verified if they come after the page, and otherwise by the next verification.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from fraud.verdict import Verdict
from serve.audit.checkpoint import Checkpoint
from serve.audit.closures import Closure
from serve.audit.collected import Collected
from serve.audit.findings import Fault, Finding
from serve.audit.walk import Walk
from serve.audit.witnesses import Outside
from serve.prediction_log.anchor_key import AnchorKey

ShowProgress = Callable[[int, int], None]
"""Called with the number of verified records, and the estimated total."""
Save = Callable[[Callable[[], Checkpoint]], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, and the findings."""

    chains: int
    records: int
    erasures: int
    closures: tuple[Closure, ...]
    """Chains of servers that are gone, closed by operators."""
    findings: tuple[Finding, ...]
    """The first findings; `counts` counts all."""
    counts: Mapping[Fault, int]
    began_at: dt.datetime
    ended_at: dt.datetime

    @property
    def found(self) -> int:
        """The number of findings."""
        return sum(self.counts.values())

    @property
    def verdict(self) -> Verdict:
        """Pass, even with stray files. Inconclusive if a chain's end has no witness here; fail for
        any other finding.
        """
        faults = {fault for fault, count in self.counts.items() if count}
        if faults - {Fault.UNWITNESSED, Fault.STRAY}:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if Fault.UNWITNESSED in faults else Verdict.PASS


def verify(
    connection: Connection,
    spool: Path,
    key: AnchorKey | None = None,
    collected: Collected | None = None,
    *,
    begun: Checkpoint | None = None,
    show: ShowProgress = lambda _done, _whole: None,
    save: Save = lambda _checkpoint: None,
) -> Report:
    """Read the whole log step by step and check every record; servers, retention and erasures may run meanwhile.

    Args:
        connection: to the log's database.
        spool: this machine's, with its anchors.
        key: checks the signatures of anchors.
        collected: anchors from elsewhere, as additional witnesses.
        begun: checkpoint of an interrupted verification of this log.
        show: called after each step.
        save: called after each step with a function that makes a checkpoint.

    Raises:
        CheckpointError: `begun` is not a checkpoint of this log.
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    walk = Walk(connection, Outside(spool, key, collected or Collected()))
    if begun is not None:
        walk.go_on_from(begun)
    whole = walk.expected_records()
    while walk.step():
        show(walk.records, whole)
        save(walk.checkpoint)
    walk.check_the_rest()
    return Report(
        walk.chains,
        walk.records,
        len(walk.ledger),
        tuple(walk.closures),
        tuple(walk.findings.kept),
        MappingProxyType(dict(walk.findings.counts)),
        walk.began_at,
        dt.datetime.now(dt.UTC),
    )
