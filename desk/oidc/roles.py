"""What a person may do here, by what the provider says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve.people.account import PersonRole


def roles_in(claims: Mapping[str, Any], claim: str, ours: Mapping[str, str]) -> frozenset[PersonRole]:
    """The roles of a claim: its values as `ours` translates them, or, if that is empty, as they are.

    Other values are left out. A nested claim is named with dots (`realm_access.roles`).
    """
    found = _found(claims, claim)
    values = found if isinstance(found, list) else [found]
    named = {value for value in values if isinstance(value, str)}
    translated = {ours[value] for value in named & ours.keys()} if ours else named
    return frozenset(role for role in PersonRole if role in translated)


def _found(claims: Mapping[str, Any], claim: str) -> Any:
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for name in claim.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
