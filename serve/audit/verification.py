"""`verify`: the whole log against its own hashes, and against what the server's machine knows of it.

```
a step: begin -> new entries of the ledger -> a page of records -> marks of the chains that end in it -> commit
        -> anchors of these chains -> hash the page
```

Each step is a transaction of its own, which is over before the page is hashed: nobody waits for a verification. What
goes on between two steps can't hide a fault, nor look like one:

- **Shipping** adds records to the end of a chain. A chain's end, its mark and the absence of a further record are read
  in one snapshot; its anchor afterwards. Where that is further on by now, the chain is read on to there.
- **Retention** removes the beginning of chains, month by month, and anchors before it does so. So an anchor that is
  read after a snapshot tells of all that was missing in it. A gap is no fault only at the beginning of a step.
- **Erasure** changes records and writes into the ledger in one transaction: a step sees both or neither. What was read
  of the ledger has to be its beginning still when all is read.
- **Chains that begin meanwhile** are verified where they stand behind the page, and else by the next verification.
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
"""Told how many records are verified, and about how many there are."""
Save = Callable[[Callable[[], Checkpoint]], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found."""

    chains: int
    records: int
    erasures: int
    closures: tuple[Closure, ...]
    """Chains of servers that left, as operators closed them."""
    findings: tuple[Finding, ...]
    """The first ones; `counts` has all."""
    counts: Mapping[Fault, int]
    began_at: dt.datetime
    ended_at: dt.datetime

    @property
    def found(self) -> int:
        """How many findings there are."""
        return sum(self.counts.values())

    @property
    def verdict(self) -> Verdict:
        """Pass, also beside files that are none of the log's.

        Inconclusive where a chain's end has no witness here; fail for any other finding."""
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
    """Read the whole log step by step and check every record; servers, retention and erasures may go on.

    Args:
        connection: to the log's database.
        spool: of this machine, with its anchors.
        key: anchors are checked for its signature.
        collected: anchors of elsewhere, a witness as well.
        begun: where an earlier verification of this log was broken off.
        show: told after each step.
        save: given after each step a way to tell where it stands.

    Raises:
        CheckpointError: `begun` is no checkpoint of this log.
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
