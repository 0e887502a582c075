"""The policy in force: fetched from the database, kept beside it, and followed by every process at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fraud.review_policy import PolicyError
from serve.errors import NoReviewPolicy
from serve.policy.journal_file import JournalFile
from serve.policy.policies import ReviewPolicies
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute
from tests.serve.review_policies import HOUR, KEY, NOON, add_policy

AT_NOON = microseconds(NOON)


@pytest.fixture
def journal(tmp_path: Path) -> JournalFile:
    return JournalFile(tmp_path / "run" / "review_policies.json")


def test_policy_is_used_once_it_is_fetched_signed_and_valid(database: str, journal: JournalFile) -> None:
    one, other = ReviewPolicies(journal, KEY), ReviewPolicies(journal, KEY)
    for policies in (one, other):
        with pytest.raises(NoReviewPolicy, match="bench plan adopt"):
            policies.in_force(AT_NOON)
    add_policy(database, signed=False)
    first = add_policy(database)
    later = add_policy(database, valid_from=NOON + HOUR)
    assert first is not None
    assert later is not None
    journal.renew(database)
    for policies in (one, other):
        assert policies.in_force(AT_NOON).id == first.id
        assert policies.in_force(AT_NOON + 3_600_000_000).id == later.id
        with pytest.raises(NoReviewPolicy):
            policies.in_force(AT_NOON - 1)


def test_file_is_replaced_only_where_there_is_something_new(database: str, journal: JournalFile) -> None:
    journal.renew(database)
    assert journal.version() is None
    add_policy(database)
    journal.renew(database)
    version = journal.version()
    journal.renew(database)
    assert journal.version() == version


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE review_policies SET threshold = 0.9 WHERE number = 1",
        "UPDATE review_policies SET person = 'eve' WHERE number = 2",
        "DELETE FROM review_policies WHERE number = 2",
        "DELETE FROM review_policies",
    ],
)
def test_journal_that_was_changed_is_not_taken_over(database: str, journal: JournalFile, change: str) -> None:
    policy = add_policy(database)
    assert policy is not None
    journal.renew(database)
    execute(database, f"ALTER TABLE review_policies DISABLE TRIGGER ALL; {change}")
    with pytest.raises(PolicyError, match="restore"):
        journal.renew(database)
    assert ReviewPolicies(journal, KEY).in_force(AT_NOON).id == policy.id, "what was signed holds on"


@pytest.mark.parametrize("key", [None, b"another key" * 4], ids=["no key", "another key"])
def test_policy_of_another_control_key_is_not_followed(database: str, journal: JournalFile, key: bytes | None) -> None:
    add_policy(database)
    journal.renew(database)
    with pytest.raises(NoReviewPolicy, match="REVIEW_CONTROL_KEY"):
        ReviewPolicies(journal, key).in_force(AT_NOON)


def test_policy_without_a_control_sample_takes_no_key(database: str, journal: JournalFile) -> None:
    add_policy(database, control_share=0.0)
    journal.renew(database)
    policies = ReviewPolicies(journal, None)
    policy = policies.in_force(AT_NOON)
    probabilities = np.array([0.4999, 0.5, 0.7], np.float32)
    assert policies.decide(policy, "r", None, probabilities).tolist() == [False, True, True]


def test_damaged_file_is_told_and_decides_nothing(database: str, journal: JournalFile) -> None:
    add_policy(database)
    journal.renew(database)
    policies = ReviewPolicies(journal, KEY)
    policies.in_force(AT_NOON)
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"person":"bert"', b'"person":"anna"'))
    with pytest.raises(NoReviewPolicy, match="not what was signed"):
        policies.in_force(AT_NOON)
    journal.path.write_text("{")
    with pytest.raises(NoReviewPolicy, match="fetches it again"):
        policies.in_force(AT_NOON)
    journal.path.unlink()
    journal.renew(database)
    policies.in_force(AT_NOON)


def test_decision_is_by_threshold_or_by_the_control_draw(database: str, journal: JournalFile) -> None:
    add_policy(database)
    journal.renew(database)
    policies = ReviewPolicies(journal, KEY)
    policy = policies.in_force(AT_NOON)
    probabilities = np.linspace(0, 1, 2001, dtype=np.float32)
    ids = [f"A{number}" for number in range(2001)]
    reviewed = policies.decide(policy, "r", ids, probabilities)
    above = probabilities >= np.float32(0.5)
    assert reviewed[above].all()
    assert reviewed[~above].mean() == pytest.approx(0.2, abs=0.05)
    assert policies.decide(policy, "another", ids[:1000], probabilities[:1000]).tolist() == reviewed[:1000].tolist()
