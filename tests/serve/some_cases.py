"""Cases in a database, for tests of the desk and the audit."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from fraud.database import connect
from serve.cases.case import Act, Case
from serve.cases.table import add_event, find_case, open_case

OPENED_BY = "serve"
CHAIN = uuid.UUID(int=77)
RECORDED_AT = dt.datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
DUE_AT = dt.datetime(2026, 5, 15, 12, tzinfo=dt.UTC)


def add_case(dsn: str, application_id: str | None = "A-1", sequence: int = 1, **changes: Any) -> Case:
    """One about the first row of a record, which need not be there."""
    facts = {"chain_id": CHAIN, "sequence": sequence, "row": 0, "recorded_at": RECORDED_AT, "due_at": DUE_AT} | changes
    content = None if application_id is None else {"application_id": application_id}
    with connect(dsn) as connection:
        return open_case(connection, OPENED_BY, facts, content)


def happen(dsn: str, number: int, person: str, act: Act, words: str | None = None, **facts: Any) -> Case:
    """Something happens to a case."""
    with connect(dsn) as connection:
        case = find_case(connection, number, is_to_change=True)
        assert case is not None
        return add_event(
            connection, case, person, act, facts=facts, content=None if words is None else {"words": words}
        )
