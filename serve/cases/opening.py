"""Opens cases: one for each logged answer to be reviewed, by its probability or as a control.

It runs in the shipper's process, in its own thread and on its own connection, as notices do, so no request waits for
it. It reads the log chain by chain, and stores its position in the transaction that opens the cases. A case does not
show whether it is a control.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.control_sample import fingerprint
from fraud.counted import counted
from fraud.review_policy import SignedPolicy, signed_policies
from fraud.review_policy_table import read_journal
from fraud.schema_version import read_version
from serve.cases.errors import CaseError
from serve.cases.table import open_case
from serve.journal.table import CASE_EVENTS
from serve.policy.decisions import is_reviewed
from serve.prediction_log.chore import Chore
from serve.prediction_log.metrics import UpkeepMetrics
from serve.prediction_log.session import LogSession
from serve.scoring.asks import policy_on_record

logger = logging.getLogger(__name__)

OPENING_INTERVAL_S: Final = 5.0
POLL_INTERVAL_S: Final = 0.5
AT_A_TIME: Final = 500
"""Records of a chain read in one transaction."""
PERSON: Final = "serve"
"""The author of opened cases in the journal."""

_LAGGING: Final = """
    SELECT chain_id::text, chain.sequence
    FROM public.prediction_chains AS chain LEFT JOIN public.case_marks AS mark USING (chain_id)
    WHERE chain.sequence > coalesce(mark.sequence, 0)
"""
_FIRST_MARK: Final = "INSERT INTO public.case_marks (chain_id, sequence) VALUES (%s::uuid, 0) ON CONFLICT DO NOTHING"
_MARK: Final = "SELECT sequence FROM public.case_marks WHERE chain_id = %s::uuid FOR UPDATE"
_MOVE_MARK: Final = "UPDATE public.case_marks SET sequence = %s WHERE chain_id = %s::uuid"
_DECIDED: Final = """
    SELECT sequence, recorded_at, received_at, request_id, endpoint, application_ids, probabilities
    FROM public.decided_requests(%s::uuid, %s, %s)
"""


class _Decided(msgspec.Struct, frozen=True):
    """A record that names a policy."""

    sequence: int
    recorded_at: dt.datetime
    received_at: dt.datetime
    request_id: str
    endpoint: str
    application_ids: list[str | None] | None
    probabilities: list[float]


class CaseOpener:
    """Opens the cases of one database. `run` it in a thread."""

    def __init__(self, dsn: str, control_key: bytes | None, due_after: dt.timedelta) -> None:
        """`due_after`: time from an answer until its case is due."""
        self._session = LogSession(dsn)
        self._key = control_key
        self._due_after = due_after

    def run(self, stop: threading.Event, metrics: UpkeepMetrics) -> None:
        """Open cases until `stop`."""
        chore = Chore("cases", self.open_cases, OPENING_INTERVAL_S, metrics, self._session.disconnect)
        while not stop.is_set():
            chore.do_when_due()
            stop.wait(POLL_INTERVAL_S)
        self._session.disconnect()

    def open_cases(self) -> None:
        """Open all cases that are due to be opened.

        Raises:
            CaseError: a record names a policy that is not signed, or that draws with another key; the cases of other
                chains are opened even so.
            DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        with self._session.connected() as connection:
            if read_version(connection) < CASE_EVENTS.since:
                return
            policies = signed_policies(read_journal(connection))
            with connection.cursor() as cursor:
                cursor.execute(_LAGGING)
                lagging = cursor.fetchall()
        fault: CaseError | None = None
        for chain_id, end in lagging:
            try:
                while self._step(chain_id, end, policies) < end:
                    pass
            except CaseError as error:
                fault = error
        if fault is not None:
            raise fault

    def _step(self, chain_id: str, end: int, policies: Sequence[SignedPolicy]) -> int:
        """Read the next records of a chain, up to `end`; returns the last one read."""
        with self._session.connected() as connection, connection.cursor() as cursor:
            cursor.execute(_FIRST_MARK, (chain_id,))
            cursor.execute(_MARK, (chain_id,))  # waits for another server that works on this chain
            ((before,),) = cursor.fetchall()
            if before >= end:
                return int(before)
            most = min(AT_A_TIME, end - before)
            cursor.execute(_DECIDED, (chain_id, before, most))
            opened = sum(self._open(connection, chain_id, _Decided(*found), policies) for found in cursor.fetchall())
            cursor.execute(_MOVE_MARK, (before + most, chain_id))
        if opened:
            logger.info("opened %s", counted(opened, "case"))
        return int(before + most)

    def _open(self, connection: Connection, chain_id: str, record: _Decided, policies: Sequence[SignedPolicy]) -> int:
        name = policy_on_record(record.endpoint)
        if name is None:
            return 0
        probabilities = np.array(record.probabilities, np.float32)
        policy, key = self._policy(name, record, policies)
        reviewed = is_reviewed(policy, key, record.request_id, record.application_ids, probabilities)
        rows = np.flatnonzero(reviewed).tolist()
        for row in rows:
            facts = {
                "chain_id": chain_id,
                "sequence": record.sequence,
                "row": row,
                "recorded_at": record.recorded_at,
                "due_at": record.received_at + self._due_after,
            }
            application_id = None if record.application_ids is None else record.application_ids[row]
            content = None if application_id is None else {"application_id": application_id}
            open_case(connection, PERSON, facts, content)
        return len(rows)

    def _policy(self, name: str, record: _Decided, policies: Sequence[SignedPolicy]) -> tuple[SignedPolicy, bytes]:
        policy = next((one for one in policies if one.id == name), None)
        if policy is None or policy.in_force_from > record.received_at:
            raise CaseError(
                f"request {record.request_id} was decided by policy {name}, which was not signed: no case is opened "
                f"for it and for later records of its chain; see `python -m serve.audit verify`"
            )
        if policy.terms.control_share > 0 and (self._key is None or fingerprint(self._key) != policy.terms.control_key):
            raise CaseError(
                f"policy {name} draws its control sample with another key: no case is opened for request "
                f"{record.request_id} and later records of its chain until REVIEW_CONTROL_KEY is that key"
            )
        return policy, self._key or b""
