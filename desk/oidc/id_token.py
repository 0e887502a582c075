"""The ID token: whether the provider has signed it, for us, for this login and just now (OpenID Connect Core, 3.1.3.7).

joserfc checks signatures and registered claims. This module chooses the algorithms and checks the rest.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import Key, KeySet, import_key

from desk.oidc.errors import LoginRefused, ProviderWrong
from serve.people.account import Identity

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""By private keys: `none` is no signature, and the secret of an HMAC may be known to many, or be a public key."""
KINDS: Final = frozenset({"RSA", "EC"})
"""Of their keys."""
LEEWAY_S: Final = 60
"""How far the provider's clock may differ."""
OLDEST_S: Final = 600
"""Age of a token, since it was made for a login that has just happened."""
MOST_OF_A_SUBJECT: Final = 255
"""Characters, as the standard has it."""

_WHY: Final = {
    "iss": "it is of another provider",
    "aud": "it is for another service",
    "azp": "it was given to another service",
    "exp": "it has expired",
    "iat": "it was not made just now",
    "nbf": "it is not valid yet",
    "nonce": "it belongs to another login",
    "sub": "it names nobody",
}


class Expected(msgspec.Struct, frozen=True):
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    now: float


def keys_in(key_set: Any) -> KeySet:
    """The provider's keys (RFC 7517); those of kinds that we do not use are left out.

    Raises:
        ProviderWrong: there are none.
    """
    found = key_set.get("keys") if isinstance(key_set, dict) else None
    keys = list(_usable(found if isinstance(found, list) else []))
    if not keys:
        raise ProviderWrong(
            "The login provider has no key that its answers could be checked by: tell an administrator."
        )
    return KeySet(keys)


def _usable(found: Iterable[Any]) -> Iterable[Key]:
    for one in found:
        if isinstance(one, dict) and one.get("kty") in KINDS and one.get("use", "sig") == "sig":
            try:
                yield import_key(one)
            except (JoseError, ValueError, TypeError, KeyError):
                continue


def checked_claims(token: str, keys: KeySet, expected: Expected) -> tuple[Identity, Mapping[str, Any]]:
    """Whom the provider vouches for, and all that it says of them.

    Raises:
        LoginRefused: the token does not prove that.
    """
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise _refused("its signature is not the provider's") from None
    try:
        _registry(expected).validate(claims)
    except ClaimError as error:
        raise _refused(_WHY.get(error.claim.partition(",")[0], "it is not complete")) from None
    why = _why_not(claims, expected)
    if why is not None:
        raise _refused(_WHY[why])
    return Identity(expected.issuer, claims["sub"]), claims


def _registry(expected: Expected) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=int(expected.now),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )


def _why_not(claims: Mapping[str, Any], expected: Expected) -> str | None:
    """The claim that speaks against a token whose registered claims are in order."""
    audience, authorized = claims["aud"], claims.get("azp")
    has_others = isinstance(audience, list) and len(set(audience)) > 1
    if (authorized is not None or has_others) and authorized != expected.client_id:
        return "azp"
    if claims["iat"] < expected.now - OLDEST_S - LEEWAY_S:
        return "iat"
    nonce = claims["nonce"]
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        return "nonce"
    subject = claims["sub"]
    is_named = len(subject) <= MOST_OF_A_SUBJECT and subject.isprintable()
    return None if is_named else "sub"


def _refused(why: str) -> LoginRefused:
    return LoginRefused(f"The login provider's answer does not count here: {why}. Log in once more.")
