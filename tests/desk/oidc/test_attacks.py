"""What does not come from the provider, for this browser and this service, lets nobody in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from desk.oidc.id_token import LEEWAY_S, OLDEST_S
from desk.oidc.pages import ON_RECORD
from tests.desk.browser import Browser
from tests.desk.oidc.conftest import Browsers, desk_with
from tests.desk.oidc.logins import brought_back, provider_at, sent_out
from tests.desk.oidc.tiny_provider import CLIENT_ID, KEY, OTHER_KEY, SUBJECT, TinyProvider, json_answer, signed
from tests.serve.prediction_log_rows import fetch

Sign = Callable[[dict[str, Any]], str]
MARKUP = "<script>alert(1)</script>"


def is_in(browser: Browser) -> bool:
    return "State of the service" in browser.get("/").text


def test_an_honest_answer_lets_its_person_in(browser: Browsers, tiny: TinyProvider) -> None:
    """As a measure for all others."""
    here = browser()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"])
    assert brought_back(here, code="c", state=sent["state"]).headers["location"] == "/"
    assert is_in(here)
    (form,) = tiny.forms
    assert form["code_verifier"] not in sent.values()
    assert (form["client_id"], form["redirect_uri"]) == (CLIENT_ID, sent["redirect_uri"])


def encoded(part: object) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def assembled(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token as no library would make it."""
    head = f"{encoded(header)}.{encoded(claims)}"
    return f"{head}.{encoded(sign(head.encode()))}"


def unsigned(claims: dict[str, Any]) -> str:
    return assembled({"alg": "none"}, claims, lambda _: b"")


def by_public_key(claims: dict[str, Any]) -> str:
    """With the provider's public key as the secret of an HMAC, which everybody can make."""
    secret = KEY.as_pem(private=False)
    return assembled({"alg": "HS256", "kid": "first"}, claims, lambda head: hmac.digest(secret, head, "sha256"))


def with_unknown_extension(claims: dict[str, Any]) -> str:
    """Signed by the provider, and to be understood only by who knows the extension."""
    header = {"alg": "RS256", "kid": "first", "crit": ["x"], "x": 1}
    private = KEY.private_key
    assert private is not None
    return assembled(header, claims, lambda head: private.sign(head, padding.PKCS1v15(), hashes.SHA256()))


def with_own_key(claims: dict[str, Any]) -> str:
    """With a key that the token brings along."""
    header = {"alg": "RS256", "jwk": OTHER_KEY.as_dict(private=False)}
    return jwt.encode(header, claims, OTHER_KEY)


def changed_afterwards(claims: dict[str, Any]) -> str:
    head, _, signature = signed(claims).split(".")
    return f"{head}.{encoded({**claims, 'roles': ['admin']})}.{signature}"


@pytest.mark.parametrize(
    "sign",
    [
        unsigned,
        by_public_key,
        with_own_key,
        changed_afterwards,
        lambda claims: signed(claims, OTHER_KEY),
        lambda claims: jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, KEY),
        with_unknown_extension,
        lambda claims: signed(claims).rpartition(".")[0] + ".",
        lambda claims: "no token",
        lambda claims: "",
    ],
    ids=[
        *("alg=none", "an HMAC with the public key", "a key of its own", "changed afterwards", "another key"),
        *("an unknown key", "an unknown extension", "no signature", "no token", "nothing"),
    ],
)
def test_a_token_that_the_provider_has_not_signed_is_refused(
    module_database: str, tiny: TinyProvider, sign: Sign
) -> None:
    refused(module_database, tiny, sign=sign, told="its signature is not the provider&#39;s")


def test_a_secret_among_the_providers_keys_signs_nothing(module_database: str, tiny: TinyProvider) -> None:
    secret = OctKey.import_key("a secret that many clients share, of 32 bytes", {"kid": "shared"})
    tiny.keys = KeySet([KEY, secret])
    tiny.instead["/keys"] = json_answer({"keys": [KEY.as_dict(private=False), secret.as_dict(private=True)]})

    def sign(claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "HS256", "kid": "shared"}, claims, secret, algorithms=["HS256"])

    refused(module_database, tiny, sign=sign, told="its signature is not the provider&#39;s")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://evil.example"}, "it is of another provider"),
        ({"iss": None}, "it is of another provider"),
        ({"aud": "another-service"}, "it is for another service"),
        ({"aud": []}, "it is for another service"),
        ({"aud": None}, "it is for another service"),
        ({"aud": {CLIENT_ID: 1}}, "it is for another service"),
        ({"aud": [CLIENT_ID, "another-service"]}, "it was given to another service"),
        ({"aud": [CLIENT_ID, "another-service"], "azp": "another-service"}, "it was given to another service"),
        ({"azp": "another-service"}, "it was given to another service"),
        ({"exp": time.time() - LEEWAY_S - 5}, "it has expired"),
        ({"exp": None}, "it has expired"),
        ({"exp": "never"}, "it has expired"),
        ({"exp": float("nan")}, "it has expired"),
        ({"iat": time.time() + LEEWAY_S + 600}, "it was not made just now"),
        ({"iat": time.time() - LEEWAY_S - OLDEST_S - 5}, "it was not made just now"),
        ({"iat": None}, "it was not made just now"),
        ({"nbf": time.time() + LEEWAY_S + 600}, "it is not valid yet"),
        ({"nonce": "of another login"}, "it belongs to another login"),
        ({"nonce": None}, "it belongs to another login"),
        ({"nonce": ["a", "b"]}, "it belongs to another login"),
        ({"sub": None}, "it names nobody"),
        ({"sub": 7}, "it names nobody"),
        ({"sub": ""}, "it names nobody"),
        ({"sub": "x" * 256}, "it names nobody"),
        ({"sub": "anna\u202e"}, "it names nobody"),
    ],
)
def test_a_token_that_is_not_for_this_login_is_refused(
    module_database: str, tiny: TinyProvider, claims: dict[str, Any], told: str
) -> None:
    refused(module_database, tiny, claims=claims, told=told)


def refused(
    dsn: str, tiny: TinyProvider, *, told: str, sign: Sign = signed, claims: dict[str, Any] | None = None
) -> None:
    """A login that fails changes nothing, so that all of them can have one database."""
    ((before,),) = fetch(dsn, "SELECT count(*) FROM person_events")
    here = desk_with(dsn, provider_at(tiny.issuer))()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"], **(claims or {}))
    tiny.sign = sign
    answer = brought_back(here, code="c", state=sent["state"])
    assert answer.status_code == 401, answer.headers
    assert told in answer.text
    assert "session" not in here.client.cookies
    assert fetch(dsn, "SELECT count(*) FROM people") == [(0,)]
    newer = fetch(dsn, "SELECT person, kind FROM person_events WHERE number > %s", before)
    assert newer == [("anonymous", "login_refused")]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another-service"], "azp": CLIENT_ID},
        {"exp": time.time() + 3600.5, "iat": time.time() + LEEWAY_S - 20},
    ],
    ids=["an audience of one", "one of two audiences", "a clock that differs a little"],
)
def test_tokens_that_the_standard_allows_are_accepted(
    browser: Browsers, tiny: TinyProvider, claims: dict[str, Any]
) -> None:
    here = browser()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"], **claims)
    assert brought_back(here, code="c", state=sent["state"]).status_code == 303


def test_keys_of_other_kinds_are_passed_over_and_new_ones_count_at_once(browser: Browsers, tiny: TinyProvider) -> None:
    newer = ECKey.generate_key("P-256", {"kid": "second"})
    log_in_with(browser(), tiny, KEY, "RS256")
    keys = [{"kty": "OKP", "crv": "X"}, {"kty": "AKP"}, {"kty": "RSA", "n": "?"}, 7, newer.as_dict(private=False)]
    tiny.instead["/keys"] = json_answer({"keys": keys})
    log_in_with(browser(), tiny, newer, "ES256")


def log_in_with(here: Browser, tiny: TinyProvider, key: RSAKey | ECKey, algorithm: str) -> None:
    sent = sent_out(here)
    tiny.vouch(sent["nonce"])
    tiny.sign = lambda claims: jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key)
    assert brought_back(here, code="c", state=sent["state"]).status_code == 303
    assert is_in(here)


def test_an_answer_counts_once(browser: Browsers, tiny: TinyProvider) -> None:
    here = browser()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"])
    assert brought_back(here, code="c", state=sent["state"]).status_code == 303
    here.client.cookies.delete("session")
    again = brought_back(here, code="c", state=sent["state"])
    assert again.status_code == 401
    assert "This browser has not begun to log in" in again.text
    assert len(tiny.forms) == 1


def test_an_answer_that_was_read_along_is_worth_nothing_elsewhere(browser: Browsers, tiny: TinyProvider) -> None:
    """Neither in a browser that has not begun, nor in one that has: its state is another."""
    sent = sent_out(browser())
    tiny.vouch(sent["nonce"])
    idle, other = browser(), browser()
    sent_out(other)
    for elsewhere in (idle, other):
        answer = brought_back(elsewhere, code="c", state=sent["state"])
        assert answer.status_code == 401
        assert not is_in(elsewhere)
    assert tiny.forms == []


def test_a_code_of_another_browser_is_worth_nothing_with_ones_own_state(browser: Browsers, tiny: TinyProvider) -> None:
    """Whether somebody puts a stolen code into their own answer, or theirs into somebody else's."""
    victim, attacker = browser(), browser()
    theirs, ours = sent_out(victim), sent_out(attacker)
    tiny.vouch(theirs["nonce"])
    answer = brought_back(attacker, code="code of the victim", state=ours["state"])
    assert answer.status_code == 401
    assert "it belongs to another login" in answer.text, "and a provider that checks PKCE gives no token at all"
    assert not is_in(attacker)


@pytest.mark.parametrize("state", ["", "x", "0" * 43, "\u00e4"])
def test_nobody_is_logged_in_by_a_link_of_another_site(browser: Browsers, tiny: TinyProvider, state: str) -> None:
    here = browser()
    tiny.vouch(sent_out(here)["nonce"])
    assert brought_back(here, code="c", state=state).status_code == 401
    assert tiny.forms == []
    assert not is_in(here)


def test_another_site_changes_nobody_who_is_logged_in(browser: Browsers) -> None:
    here = browser()
    answer = here.client.get("/login/provider", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "choose how to log in" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("described", "sent_along", "told"),
    [
        ({}, {"iss": "https://evil.example"}, "The answer is of another login provider."),
        ({"authorization_response_iss_parameter_supported": True}, {}, "does not say which login provider it is of"),
    ],
    ids=["another issuer", "no issuer where one belongs"],
)
def test_an_answer_of_another_provider_is_refused(
    browser: Browsers, tiny: TinyProvider, described: dict[str, Any], sent_along: dict[str, str], told: str
) -> None:
    tiny.described = described
    here = browser()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"])
    answer = brought_back(here, code="c", state=sent["state"], **sent_along)
    assert answer.status_code == 401
    assert told in answer.text
    assert tiny.forms == [], "no provider is sent another's code"


@pytest.mark.parametrize(
    ("next_page", "leads_to"),
    [
        ("%2Freports", "/reports"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("%2Fa%0D%0ASet-Cookie%3A%20x%3D1", "/"),
        ("javascript%3Aalert(1)", "/"),
        ("%2F" + "x" * 600, "/"),
    ],
)
def test_a_login_leads_to_pages_of_ours_only(
    browser: Browsers, tiny: TinyProvider, next_page: str, leads_to: str
) -> None:
    here = browser()
    sent = sent_out(here, f"/login/provider?next={next_page}")
    tiny.vouch(sent["nonce"])
    assert brought_back(here, code="c", state=sent["state"]).headers["location"] == leads_to


@pytest.mark.parametrize("after", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_nor_does_one_whose_cookie_was_changed(browser: Browsers, tiny: TinyProvider, after: str) -> None:
    here = browser()
    sent = sent_out(here)
    secret = here.client.cookies["login"].strip('"').partition(".")[0]
    here.client.cookies.clear()
    value = f"{secret}.{base64.urlsafe_b64encode(after.encode()).decode()}"
    here.client.cookies.set("login", value, domain="service.test")
    tiny.vouch(sent["nonce"])
    assert brought_back(here, code="c", state=sent["state"]).headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", ".", "x", "x.\u00ff", "x.%%%", "." * 1000])
def test_a_cookie_that_can_not_be_begins_nothing(browser: Browsers, tiny: TinyProvider, cookie: str) -> None:
    here = browser()
    headers = {"Cookie": f"login={cookie}".encode()}
    answer = here.client.get("/login/provider/callback?code=c&state=s", headers=headers)
    assert answer.status_code == 401


def test_nothing_that_the_provider_or_a_link_says_becomes_markup(
    browser: Browsers, tiny: TinyProvider, database: str
) -> None:
    here = browser()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"], sub=MARKUP, preferred_username=MARKUP, name=MARKUP, roles=["admin", MARKUP])
    assert brought_back(here, code="c", state=sent["state"]).status_code == 303
    assert "&lt;script&gt;" in here.get("/people").text
    assert "<script" not in here.get("/people").text + here.get("/").text
    assert fetch(database, "SELECT name FROM people") == [("script-alert-1-script@127.0.0.1",)]
    for error in (MARKUP, "access_denied", "server_error"):
        sent = sent_out(here)
        page = brought_back(here, error=error, error_description=MARKUP, state=sent["state"]).text
        assert "script&" not in page
        assert "<script" not in page


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("access_denied", "did not let you in, or you have not agreed there"),
        ("server_error", "did not log you in"),
        ("", "did not log you in"),
    ],
)
def test_a_refusal_of_the_provider_is_told(browser: Browsers, tiny: TinyProvider, error: str, told: str) -> None:
    here = browser()
    state = sent_out(here)["state"]
    assert told in brought_back(here, error=error, code="c", state=state).text
    assert tiny.forms == []


def test_strangers_do_not_fill_the_journal(browser: Browsers, database: str, tiny: TinyProvider) -> None:
    here = browser()
    for _ in range(int(ON_RECORD.guesses) + 10):
        assert brought_back(here, code="c", state="s").status_code == 401
    ((on_record,),) = fetch(database, "SELECT count(*) FROM person_events")
    assert ON_RECORD.guesses <= on_record <= ON_RECORD.guesses + 2


def test_a_client_with_a_secret_shows_it_and_tells_nobody(
    database: str, tiny: TinyProvider, caplog: pytest.LogCaptureFixture
) -> None:
    here = desk_with(database, provider_at(tiny.issuer, secret="se cret:1"))()
    sent = sent_out(here)
    tiny.vouch(sent["nonce"])
    assert brought_back(here, code="c", state=sent["state"]).status_code == 303
    login = base64.b64encode(b"scoring:se%20cret%3A1").decode()
    assert tiny.logins == [f"Basic {login}"]
    assert "se cret" not in caplog.text
    assert "se%20cret" not in caplog.text
    assert SUBJECT not in here.get("/").text
