from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from fraud.review_policy import Entry, PolicyError, Terms, in_force, next_entry, signed_policies

DAY = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
TERMS = Terms(DAY, 0.25, 40, 100, 5_000, None, 0.01, "key", 1, "ab")


def journal() -> list[Entry]:
    """Two policies that are signed, and one that waits; the first is signed as the last."""
    entries: list[Entry] = []
    for person, what in (
        ("anna", {"terms": TERMS}),
        ("bert", {"terms": msgspec.structs.replace(TERMS, valid_from=DAY + 48 * HOUR)}),
        ("anna", {"terms": TERMS}),
        ("cees", {"signs": 2}),
        ("bert", {"signs": 1}),
    ):
        entries.append(next_entry(entries, person, DAY + len(entries) * HOUR, **what))
    return entries


@pytest.mark.parametrize(("hours", "number"), [(0, None), (3.9, None), (4, 1), (47, 1), (48, 2), (500, 2)], ids=str)
def test_policy_that_came_in_force_last_is_used(hours: float, number: int | None) -> None:
    found = in_force(signed_policies(journal()), DAY + hours * HOUR)
    assert (None if found is None else found.number) == number


@pytest.mark.parametrize("change", ["person", "entered_at", "number"])
@pytest.mark.parametrize("place", range(5))
def test_changed_entry_is_found(place: int, change: str) -> None:
    entries = journal()
    other = {"person": "eve", "entered_at": DAY - HOUR, "number": 9}[change]
    entries[place] = msgspec.structs.replace(entries[place], **{change: other})
    with pytest.raises(PolicyError, match="not what was signed"):
        signed_policies(entries)


@pytest.mark.parametrize("name", Terms.__struct_fields__)
def test_every_term_is_hashed(name: str) -> None:
    entries = journal()
    value = getattr(TERMS, name)
    other = DAY + HOUR if name == "valid_from" else "other" if isinstance(value, str) else 7
    entries[0] = msgspec.structs.replace(entries[0], terms=msgspec.structs.replace(TERMS, **{name: other}))
    with pytest.raises(PolicyError, match="entry 1"):
        signed_policies(entries)


def test_missing_entry_is_found() -> None:
    with pytest.raises(PolicyError):
        signed_policies(journal()[1:])


@pytest.mark.parametrize(
    ("person", "signs", "told"), [("anna", 1, "one signature twice"), ("bert", 4, "signs no policy")]
)
def test_signature_that_is_none_is_refused(person: str, signs: int, told: str) -> None:
    entries = journal()[:4]
    entries.append(next_entry(entries, person, DAY, signs=signs))
    with pytest.raises(PolicyError, match=told):
        signed_policies(entries)


def test_policy_is_named_by_its_hash() -> None:
    first = journal()[0]
    assert first.policy_id == f"1-{first.hash.hex()[:16]}"
