"""Roles come from one claim; what is none of ours gives nothing."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest

from desk.oidc.roles import roles_in
from fraud.settings import Settings
from serve.people.account import PersonRole

OURS = {"team": "operate", "board": "supervise", "also the team": "operate"}


@pytest.mark.parametrize(
    ("claims", "claim", "ours", "roles"),
    [
        ({"roles": ["operate", "audit"]}, "roles", {}, {"operate", "audit"}),
        ({"roles": "operate"}, "roles", {}, {"operate"}),
        ({"roles": "operate admin"}, "roles", {}, set()),
        ({"roles": ["OPERATE", "king", 7, None, ["admin"]]}, "roles", {}, set()),
        ({"roles": {"admin": True}}, "roles", {}, set()),
        ({"roles": None}, "roles", {}, set()),
        ({"groups": ["admin"]}, "roles", {}, set()),
        ({"groups": ["team", "board", "also the team"]}, "groups", OURS, {"operate", "supervise"}),
        ({"groups": ["admin", "operate"]}, "groups", OURS, set()),
        ({"a": {"b": ["audit"]}}, "a.b", {}, {"audit"}),
        ({"a": {"b": ["audit"]}, "a.b": ["review"]}, "a.b", {}, {"review"}),
        ({"a": ["b"]}, "a.b", {}, set()),
    ],
)
def test_a_claim_gives_roles(claims: dict[str, Any], claim: str, ours: dict[str, str], roles: set[str]) -> None:
    assert roles_in(claims, claim, ours) == roles


def test_the_setting_takes_every_role_and_no_other() -> None:
    _, value = get_args(Settings.model_fields["oidc_roles"].annotation)
    assert get_origin(value) is Literal
    assert set(get_args(value)) == set(PersonRole)
