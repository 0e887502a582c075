"""The review policy that `/model-info` shows: what is in force, to those who may see it, and nobody's name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fraud.api_keys import Role
from fraud.review_policy import Entry, next_entry
from serve.access.authentication import Caller
from serve.api.policy_info import shown_policy
from serve.policy.journal_file import JournalFile
from serve.policy.policies import ReviewPolicies
from tests.serve.review_policies import HOUR, KEY, TERMS

NOW = dt.datetime.now(dt.UTC)
READER = Caller("reader", frozenset({Role.READ}))


def policies(folder: Path, *entries: Entry) -> ReviewPolicies:
    journal = JournalFile(folder / "review_policies.json")
    journal.path.write_bytes(msgspec.json.encode(entries))
    return ReviewPolicies(journal, KEY)


def signed() -> list[Entry]:
    """A policy that was written two hours ago and signed one hour ago."""
    terms = msgspec.structs.replace(TERMS, valid_from=NOW - 2 * HOUR, threshold=float(np.float32(0.36)))
    policy = next_entry([], "anna", NOW - 2 * HOUR, terms=terms)
    return [policy, next_entry([policy], "bert", NOW - HOUR, signs=policy.number)]


@pytest.mark.parametrize("role", [Role.READ, Role.OPERATE])
def test_policy_in_force_is_shown_without_the_names_of_who_signed_it(tmp_path: Path, role: Role) -> None:
    entries = signed()
    shown, why_none = shown_policy(policies(tmp_path, *entries), Caller("somebody", frozenset({role})))
    assert shown is not None
    assert why_none is None
    assert shown.model_dump() == {
        "id": entries[0].policy_id,
        "threshold": float(np.float32(0.36)),
        "capacity": TERMS.capacity,
        "valid_from": NOW - 2 * HOUR,
        "in_force_from": NOW - HOUR,
    }
    assert not any(name in shown.model_dump_json() for name in ("anna", "bert", TERMS.control_key))


def test_a_scoring_key_sees_no_policy(tmp_path: Path) -> None:
    scorer = Caller("agency", frozenset({Role.SCORE}))
    assert shown_policy(policies(tmp_path, *signed()), scorer) == (None, None)
    assert shown_policy(policies(tmp_path), scorer) == (None, None)


def test_why_none_is_in_force_is_told_to_readers(tmp_path: Path) -> None:
    assert shown_policy(policies(tmp_path, *signed()[:1]), READER)[0] is None, "it waits for its second signature"
    assert "bench plan adopt" in (shown_policy(policies(tmp_path), READER)[1] or "")
    damaged = policies(tmp_path, *signed())
    (tmp_path / "review_policies.json").write_text("{")
    assert "can't be read" in (shown_policy(damaged, READER)[1] or "")
