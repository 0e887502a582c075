"""The account of somebody whom a provider vouches for has a name that no other account has."""

from __future__ import annotations

from itertools import islice

import pytest

from serve.people.account import checked_name
from serve.people.vouched import names_for


@pytest.mark.parametrize(
    ("called", "issuer", "name"),
    [
        ("Anna", "https://login.agency.example/realms/x", "anna@login.agency.example"),
        ("anna@agency.example", "https://idp", "anna@idp"),
        ("Änne Müller", "https://idp", "nne-m-ller@idp"),
        ("<script>", "https://idp", "script@idp"),
        ("../../etc", "https://idp", "etc@idp"),
        ("shell:root", "https://idp", "shell-root@idp"),
        ("名前", "https://idp", "person@idp"),
        ("", "https://[::1]:8443", "person@1"),
        ("x" * 300, f"https://{'y' * 200}.example", "x" * 24 + "@" + "y" * 32),
    ],
)
def test_a_name_says_where_its_person_logs_in(called: str, issuer: str, name: str) -> None:
    names = list(islice(names_for(called, issuer), 3))
    assert names[0] == name
    assert len(set(names)) == 3
    assert all(checked_name(one) == one for one in names)


def test_all_names_fit() -> None:
    assert all(map(checked_name, names_for("x" * 99, f"https://{'y' * 99}")))
