"""Decisions on record, computed again by an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fraud.database import connect
from fraud.review_policy import SignedPolicy, signed_policies
from fraud.review_policy_table import read_journal
from serve.audit.decisions import Decision, count, decisions
from serve.audit.errors import AuditError
from serve.policy.decisions import is_reviewed
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

ROWS = 400
IDS = [f"A{number}" for number in range(ROWS)]


def log(dsn: str, folder: Path, policy: str | None, **changes: Any) -> np.ndarray:
    """A request of 400 rows that was decided by a policy; gives its probabilities."""
    probabilities = np.linspace(0, 1, ROWS, dtype=np.float32)
    told = "" if policy is None else f"?policy={policy}"
    with running_spool(folder) as spool:
        spool.append(
            record(
                ROWS,
                **{
                    "endpoint": "/batch_predict" + told,
                    "received_at": microseconds(NOON + HOUR),
                    "application_ids": IDS,
                    "probabilities": probabilities,
                    **changes,
                },
            )
        )
    ship_all(folder, dsn)
    return probabilities


def told(dsn: str, key: bytes | None = KEY, application: str | None = None) -> list[Decision]:
    with connect(dsn) as connection:
        return list(decisions(connection, signed_policies(read_journal(connection)), key, application))


@pytest.fixture
def policy(database: str) -> SignedPolicy:
    found = add_policy(database)
    assert found is not None
    return found


@pytest.mark.parametrize("ids", [IDS, None], ids=["by application", "by request and row"])
def test_decisions_are_what_the_server_decided(
    database: str, tmp_path: Path, policy: SignedPolicy, ids: list[str] | None
) -> None:
    probabilities = log(database, tmp_path, policy.id, application_ids=ids)
    log(database, tmp_path / "undecided", None)
    found = told(database)
    expected = is_reviewed(policy, KEY, "r-1", ids, probabilities)
    assert [one.reviewed for one in found] == expected.tolist()
    assert [one.looked_at_probability for one in found] == [1.0 if p >= 0.5 else 0.2 for p in probabilities]
    (counted,) = count(iter(found))
    assert (counted.policy, counted.rows, counted.reviewed) == (policy.id, ROWS, int(expected.sum()))
    assert counted.control == int((expected & (probabilities < 0.5)).sum()) > 0
    assert counted.erased == 0


def test_one_application_is_found(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    log(database, tmp_path, policy.id)
    (found,) = told(database, application="A399")
    assert (found.application_id, found.row_number, found.reviewed, found.control) == ("A399", 399, True, False)
    assert told(database, application="unknown") == []


def test_a_draw_by_an_erased_id_is_unknown(database: str, tmp_path: Path, policy: SignedPolicy) -> None:
    log(database, tmp_path, policy.id)
    execute(
        database,
        "UPDATE prediction_requests SET application_ids[1] = NULL, features[1:10] = array_fill(NULL::real, ARRAY[10])",
    )
    assert [one.reviewed for one in told(database)][:1] == [None]
    assert count(iter(told(database)))[0].erased == 1


@pytest.mark.parametrize(
    ("name", "moment", "key", "fault"),
    [
        ("9-0000000000000000", NOON + HOUR, KEY, "is not signed in review_policies"),
        (None, NOON - HOUR, KEY, "in force only from"),
        (None, NOON + HOUR, b"other" * 8, "REVIEW_CONTROL_KEY"),
        (None, NOON + HOUR, None, "REVIEW_CONTROL_KEY"),
    ],
    ids=["unknown policy", "before it was in force", "another key", "no key"],
)
def test_a_decision_against_the_policy_is_reported(
    database: str, tmp_path: Path, policy: SignedPolicy, name: str | None, moment: Any, key: bytes | None, fault: str
) -> None:
    log(database, tmp_path, name or policy.id, received_at=microseconds(moment))
    with pytest.raises(AuditError, match=fault):
        told(database, key)


def test_policy_that_waits_for_its_second_signature_decides_nothing(database: str, tmp_path: Path) -> None:
    add_policy(database, signed=False)
    with connect(database) as connection:
        (waiting,) = read_journal(connection)
    log(database, tmp_path, waiting.policy_id)
    with pytest.raises(AuditError, match="is not signed in review_policies"):
        told(database)
