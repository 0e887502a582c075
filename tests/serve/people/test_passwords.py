"""Passwords are long, kept as argon2id has them, and compared in as much time for nobody as for somebody."""

from __future__ import annotations

import pytest

from serve.people.errors import PeopleError
from serve.people.passwords import (
    MOST_CHARACTERS,
    checked_password,
    hash_password,
    is_outdated,
    is_password,
    one_time_password,
)

LONG = "correct horse battery"


def test_a_kept_password_is_known_again_and_no_other() -> None:
    kept = hash_password(LONG)
    assert kept.startswith("$argon2id$")
    assert LONG not in kept
    assert is_password(LONG, kept)
    assert not is_password(LONG + " ", kept)
    assert not is_outdated(kept)
    assert is_outdated("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + kept.rpartition("$")[2])


@pytest.mark.parametrize("kept", [None, "", "plain text", "$argon2id$damaged"])
def test_nobody_and_damaged_hashes_have_no_password(kept: str | None) -> None:
    assert not is_password(LONG, kept)
    assert not is_password("", kept)


def test_one_time_passwords_differ_and_are_long_enough() -> None:
    found = {one_time_password() for _ in range(20)}
    assert len(found) == 20
    for password in found:
        assert checked_password(password, "anna") == password


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        pytest.param("", "12 to 256 characters", id="none"),
        pytest.param("short", "12 to 256 characters", id="short"),
        pytest.param("elevenchars", "12 to 256 characters", id="eleven"),
        pytest.param("x" * (MOST_CHARACTERS + 1), "12 to 256 characters", id="too long"),
        pytest.param("aaaaaaaaaaaaaaa", "at least 6 different characters", id="one character"),
        pytest.param("i am Anna and long enough", "without the account's name in it", id="the name"),
    ],
)
def test_a_weak_password_is_refused_by_the_rule_it_breaks(password: str, expected: str) -> None:
    with pytest.raises(PeopleError, match=f"expected a password .*{expected}$"):
        checked_password(password, "anna")
