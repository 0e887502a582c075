"""Each answer that is to be reviewed becomes one case, once, whoever opens it and whatever happens meanwhile."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.review_policy import SignedPolicy
from fraud.verdict import Verdict
from serve.audit.decisions import decisions
from serve.cases import opening
from serve.cases.case import State
from serve.cases.errors import CaseError
from serve.cases.opening import CaseOpener
from serve.cases.table import open_case
from serve.prediction_log.chain import microseconds
from tests.serve.audit.log_audit import audit
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

DAYS = dt.timedelta(days=14)
RECEIVED_AT = NOON + HOUR
PLACES = "SELECT chain_id::text, sequence, row_number FROM cases ORDER BY 1, 2, 3"


@pytest.fixture
def policy(database: str) -> SignedPolicy:
    """Reviewed from 0.5 on, and a fifth of all others."""
    added = add_policy(database)
    assert added is not None
    return added


def answer(folder: Path, dsn: str, *policies: str | None, rows: int = 40, **changes: Any) -> None:
    """Requests of one server process, each decided by a policy, shipped to the log."""
    with running_spool(folder) as spool:
        for number, policy in enumerate(policies):
            endpoint = "/batch_predict" if policy is None else f"/batch_predict?policy={policy}"
            about = {
                "request_id": f"r-{number}",
                "received_at": microseconds(RECEIVED_AT),
                "application_ids": [f"A-{number}-{row}" for row in range(rows)],
            }
            spool.append(record(rows, endpoint=endpoint, **(about | changes)))
    ship_all(folder, dsn)


def opener(dsn: str, key: bytes | None = KEY) -> CaseOpener:
    """As the server does, with its rights."""
    return CaseOpener(make_dsn(dsn, options="-c role=scoring_server"), key, DAYS)


def to_be_reviewed(dsn: str, policy: SignedPolicy) -> list[str | None]:
    """As the audit computes it from the record."""
    with connect(dsn) as connection:
        return [one.application_id for one in decisions(connection, [policy], KEY) if one.reviewed]


def test_an_answer_to_review_opens_one_case(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    answer(tmp_path, database, policy.id, None, policy.id)
    for _ in range(2):
        opener(database).open_cases()
        found = fetch(database, "SELECT application_id, state, due_at, holder FROM cases ORDER BY number")
        assert [name for name, *_ in found] == to_be_reviewed(database, policy)
        assert {tuple(rest) for _, *rest in found} == {(State.NEW, RECEIVED_AT + DAYS, None)}
    assert 0 < len(found) < 80, "some are passed"
    assert audit(database, tmp_path).verdict is Verdict.INCONCLUSIVE, "the journal's end is anchored by the server"


def test_controls_are_among_the_cases(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    answer(tmp_path, database, policy.id, probabilities=np.full(40, 0.1, np.float32))
    opener(database).open_cases()
    assert 1 <= len(fetch(database, PLACES)) < 40
    assert [name for (name,) in fetch(database, "SELECT application_id FROM cases ORDER BY number")] == to_be_reviewed(
        database, policy
    )


def test_later_answers_are_opened_later(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    for number in range(3):
        answer(tmp_path, database, policy.id, request_id=f"later-{number}")
        opener(database).open_cases()
        assert len(fetch(database, PLACES)) == len(to_be_reviewed(database, policy))


def test_a_load_test_is_no_case(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    answer(tmp_path, database, policy.id, load_test=True)
    opener(database).open_cases()
    assert fetch(database, PLACES) == []


def test_an_application_without_an_id_is_a_case_too(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    answer(
        tmp_path,
        database,
        policy.id,
        rows=2,
        application_ids=[None, "A-1"],
        probabilities=np.array([0.9, 0.9], np.float32),
    )
    opener(database).open_cases()
    assert fetch(database, "SELECT application_id FROM cases ORDER BY number") == [(None,), ("A-1",)]


def test_several_servers_open_each_case_once(
    database: str, tmp_path: Path, policy: SignedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "AT_A_TIME", 3)
    for number in range(2):
        answer(tmp_path / str(number), database, *[policy.id] * 10, rows=3)
    together = [threading.Thread(target=opener(database).open_cases) for _ in range(4)]
    for one in together:
        one.start()
    for one in together:
        one.join()
    found = fetch(database, PLACES)
    assert len(found) == len(set(found)) == len(to_be_reviewed(database, policy))
    assert fetch(database, "SELECT count(*) FROM case_events") == [(len(found),)]


def test_an_end_in_the_middle_is_made_up_for(
    database: str, tmp_path: Path, policy: SignedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(tmp_path, database, policy.id)

    def fail_at_the_third(*values: Any) -> Any:
        case = open_case(*values)
        if case.number == 3:
            raise CaseError("killed")
        return case

    monkeypatch.setattr(opening, "open_case", fail_at_the_third)
    with pytest.raises(CaseError, match="killed"):
        opener(database).open_cases()
    assert fetch(database, PLACES) == []
    monkeypatch.undo()
    opener(database).open_cases()
    assert len(fetch(database, PLACES)) == len(to_be_reviewed(database, policy))


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        ("9-0000", KEY, "decided by policy 9-0000, which was not signed"),
        (None, None, "draws its control sample with another key"),
        (None, b"another key " * 4, "draws its control sample with another key"),
    ],
    ids=["unknown policy", "no key", "another key"],
)
def test_an_undecidable_answer_is_kept_for_later(
    database: str, tmp_path: Path, policy: SignedPolicy, name: str | None, key: bytes | None, told: str
) -> None:
    answer(tmp_path / "bad", database, name or policy.id)
    with pytest.raises(CaseError, match=told):
        opener(database, key).open_cases()
    assert fetch(database, PLACES) == []


def test_a_fault_of_one_chain_holds_up_no_other(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    answer(tmp_path / "bad", database, "9-0000")
    answer(tmp_path / "good", database, policy.id)
    with pytest.raises(CaseError):
        opener(database).open_cases()
    assert fetch(database, PLACES) != []


def test_a_schema_of_before_has_no_cases(database: str) -> None:
    execute(database, "UPDATE schema_version SET version_num = '0020'")
    opener(database).open_cases()
    assert fetch(database, PLACES) == []
