"""A provider that is away, slow, wrong or hostile costs one login, and is told in our words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from desk.oidc.attempt import Attempt
from desk.oidc.errors import LoginRefused, OidcError, ProviderAway, ProviderWrong
from desk.oidc.fetching import AT_ONCE, MOST_BYTES, Fetcher
from desk.oidc.provider import KEPT_S, Provider
from fraud.stack.ports import hold_port
from tests.desk.oidc.logins import client_of, provider_at
from tests.desk.oidc.tiny_provider import Answer, TinyProvider, json_answer, tiny_provider

CALLBACK = "https://service.test/login/provider/callback"
ATTEMPT = Attempt.begin("/")


@pytest.fixture
def tiny() -> Iterator[TinyProvider]:
    with tiny_provider() as provider:
        yield provider


def log_in(provider: Provider) -> None:
    provider.login_url(ATTEMPT, CALLBACK)
    provider.vouched_for("c", ATTEMPT, CALLBACK)


WRONG_ANSWERS: list[tuple[str, Answer, type[OidcError], str]] = [
    ("/.well-known/openid-configuration", json_answer({}, 404), ProviderWrong, "status 404"),
    ("/.well-known/openid-configuration", json_answer([]), ProviderWrong, "does not describe itself"),
    ("/.well-known/openid-configuration", json_answer({"issuer": 7}), ProviderWrong, "does not describe itself"),
    ("/.well-known/openid-configuration", (200, {}, b"<html>"), ProviderWrong, "can't be read"),
    ("/.well-known/openid-configuration", (200, {}, b"[" * 100_000), ProviderWrong, "can't be read"),
    ("/.well-known/openid-configuration", (200, {}, b" " * (MOST_BYTES + 1)), ProviderWrong, "too long"),
    ("/.well-known/openid-configuration", (302, {"Location": "/elsewhere"}, b""), ProviderWrong, "status 302"),
    ("/keys", json_answer({}, 500), ProviderWrong, "status 500"),
    ("/keys", json_answer({"keys": []}), ProviderWrong, "no key"),
    ("/keys", json_answer({"keys": {"kty": "RSA"}}), ProviderWrong, "no key"),
    ("/keys", json_answer("keys"), ProviderWrong, "no key"),
    ("/token", json_answer({"error": "invalid_grant"}, 400), LoginRefused, "does not stand by this login"),
    ("/token", json_answer({"error": "invalid_client"}, 401), ProviderWrong, "does not take this service's login"),
    ("/token", json_answer({"access_token": "x"}), LoginRefused, "does not stand by this login"),
    ("/token", json_answer({"id_token": 7}), LoginRefused, "does not stand by this login"),
    ("/token", json_answer([]), ProviderWrong, "can't be read"),
    ("/token", (503, {}, b"busy"), ProviderAway, "has a fault"),
    ("/token", (307, {"Location": "https://evil.example"}, b"{}"), LoginRefused, "does not stand by this login"),
    ("/token", (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), ProviderWrong, "can't be read"),
]


@pytest.mark.parametrize(("path", "answer", "kind", "told"), WRONG_ANSWERS)
def test_a_wrong_answer_is_told_in_our_words(
    tiny: TinyProvider, path: str, answer: Answer, kind: type[OidcError], told: str
) -> None:
    tiny.instead[path] = answer
    with pytest.raises(kind) as caught:
        log_in(provider_at(tiny.issuer))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"issuer": "https://evil.example"}, "has another name than the settings say"),
        ({"authorization_endpoint": "http://provider.example/authorize"}, "not encrypted"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not encrypted"),
        ({"token_endpoint": "http://provider.example/token"}, "not encrypted"),
        ({"jwks_uri": "file:///keys"}, "not encrypted"),
        ({"jwks_uri": "https://"}, "not encrypted"),
        ({"token_endpoint": "https://user:password@provider.example/"}, "not encrypted"),
    ],
)
def test_a_description_that_leads_elsewhere_is_refused(
    tiny: TinyProvider, described: dict[str, Any], told: str
) -> None:
    tiny.described = described
    with pytest.raises(ProviderWrong, match=told):
        log_in(provider_at(tiny.issuer))
    assert tiny.forms == []


def test_a_logout_address_that_is_no_page_is_not_offered(tiny: TinyProvider) -> None:
    assert provider_at(tiny.issuer).logout_url() is None
    tiny.described = {"end_session_endpoint": "javascript:alert(1)"}
    with pytest.raises(ProviderWrong):
        provider_at(tiny.issuer).logout_url()


def test_a_provider_that_is_not_there_is_away() -> None:
    with pytest.raises(ProviderAway, match="does not answer"):
        log_in(provider_at(f"http://127.0.0.1:{hold_port()}"))


Serve = Callable[[socket.socket], None]


def silent(connection: socket.socket) -> None:
    connection.recv(65536)


def endless(connection: socket.socket) -> None:
    """A body that comes a byte at a time."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")


@pytest.mark.parametrize("serve", [silent, endless])
def test_a_provider_that_hangs_is_given_up(serve: Serve) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ended = threading.Event()

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection)
                    ended.wait(60)
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        stack.callback(thread.join)
        stack.callback(ended.set)
        fetcher = Fetcher(httpx.Timeout(0.3), longest_s=0.05)
        with pytest.raises(OidcError):
            fetcher.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")


def test_a_provider_that_hangs_leaves_room_for_other_pages(tiny: TinyProvider) -> None:
    fetcher = Fetcher()
    with ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(fetcher._place())
        with pytest.raises(ProviderAway, match="Too many people"):
            fetcher.get(f"{tiny.issuer}/keys")
    assert fetcher.get(f"{tiny.issuer}/keys")["keys"]


@pytest.mark.parametrize(
    ("methods", "form", "has_login"),
    [
        (None, {}, True),
        (["client_secret_post"], {"client_id": "scoring", "client_secret": "s"}, False),
        (["client_secret_basic", "client_secret_post"], {}, True),
    ],
)
def test_the_secret_is_shown_as_the_provider_takes_it(
    tiny: TinyProvider, methods: list[str] | None, form: dict[str, str], has_login: bool
) -> None:
    tiny.described = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    tiny.vouch(ATTEMPT.nonce)
    log_in(provider_at(tiny.issuer, secret="s"))
    assert {name: value for name, value in tiny.forms[0].items() if name.startswith("client_")} == form
    assert (tiny.logins[0] is not None) is has_login


def test_a_provider_that_takes_no_secret_is_told(tiny: TinyProvider) -> None:
    tiny.described = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    with pytest.raises(ProviderWrong, match="does not take this service's login"):
        log_in(provider_at(tiny.issuer, secret="s"))


def test_the_description_is_read_again_after_a_while_and_after_a_fault(tiny: TinyProvider) -> None:
    now = 1_000.0
    provider = Provider(client_of(tiny.issuer), clock=lambda: now)
    tiny.instead["/.well-known/openid-configuration"] = json_answer({}, 500)
    with pytest.raises(ProviderWrong):
        provider.login_url(ATTEMPT, CALLBACK)
    del tiny.instead["/.well-known/openid-configuration"]
    assert provider.login_url(ATTEMPT, CALLBACK).startswith(f"{tiny.issuer}/authorize?")
    tiny.described = {"authorization_endpoint": f"{tiny.issuer}/new?tenant=1"}
    assert provider.login_url(ATTEMPT, CALLBACK).startswith(f"{tiny.issuer}/authorize?")
    now += KEPT_S
    assert provider.login_url(ATTEMPT, CALLBACK).startswith(f"{tiny.issuer}/new?tenant=1&response_type=code")
