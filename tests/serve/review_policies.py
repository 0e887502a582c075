"""Signed policies in a database, for tests of the server and the audit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from fraud.control_sample import fingerprint
from fraud.database import connect
from fraud.review_policy import SignedPolicy, Terms, next_entry, signed_policies
from fraud.review_policy_table import append_entry, read_journal

HOUR = dt.timedelta(hours=1)
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
KEY = b"control key of the tests, " * 2
TERMS = Terms(NOON, 0.5, 40, 100, 5_000, None, 0.2, fingerprint(KEY), 1, "ab")


def add_policy(dsn: str, *, signed: bool = True, at: dt.datetime = NOON, **changes: Any) -> SignedPolicy | None:
    """Write a policy, and its second signature."""
    terms = msgspec.structs.replace(TERMS, **{"valid_from": at, **changes})
    with connect(dsn) as connection:
        journal = read_journal(connection)
        policy = next_entry(journal, "anna", at, terms=terms)
        append_entry(connection, policy)
        if not signed:
            return None
        signature = next_entry([*journal, policy], "bert", at, signs=policy.number)
        append_entry(connection, signature)
    found = {one.number: one for one in signed_policies([*journal, policy, signature])}
    return found[policy.number]
