"""A browser on its way to a provider and back."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from desk.oidc.provider import Client, Provider
from tests.desk.browser import Browser
from tests.desk.oidc.tiny_provider import CLIENT_ID

CALLBACK = "/login/provider/callback"


def client_of(issuer: str, **about: object) -> Client:
    known: dict[str, object] = {
        "client_id": CLIENT_ID,
        "secret": None,
        "scope": "openid profile",
        "roles_claim": "roles",
        "roles": {},
    }
    return Client(issuer, **{**known, **about})  # type: ignore[arg-type]


def provider_at(issuer: str, **about: object) -> Provider:
    return Provider(client_of(issuer, **about))


def sent_out(browser: Browser, path: str = "/login/provider") -> dict[str, str]:
    """Begin a login; what the browser takes to the provider."""
    answer = browser.get(path)
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def brought_back(browser: Browser, **answer: str) -> httpx.Response:
    """Come back from the provider with an answer."""
    return browser.get(f"{CALLBACK}?{urlencode(answer)}")
