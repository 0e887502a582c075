"""Whose login it is: keys in each form, the administrator, and what is nobody's."""

from __future__ import annotations

import base64

import pytest

from fraud.api_keys import ApiKey, Role, new_key
from serve.access.authentication import Administrator, Authenticator, login_in

KEY, OTHER = new_key(), new_key()
KNOWN = Authenticator(
    [ApiKey.of(KEY, "agency", [Role.SCORE]), ApiKey.of(OTHER, "auditor", [Role.READ])],
    Administrator("admin", "pässword"),
)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        pytest.param({"authorization": f"Bearer {KEY}"}, "agency", id="bearer"),
        pytest.param({"authorization": f"bearer   {OTHER} "}, "auditor", id="case and spaces do not matter"),
        pytest.param({"x-api-key": KEY}, "agency", id="a header of its own"),
        pytest.param(
            {"x-api-key": KEY, "authorization": basic("proxy", "login")}, "agency", id="X-API-Key counts first"
        ),
        pytest.param({"authorization": basic("whoever", KEY)}, "agency", id="a key as a password"),
        pytest.param({"authorization": basic("admin", "pässword")}, "admin", id="the administrator"),
        pytest.param({"authorization": "Bearer " + new_key()}, None, id="another key"),
        pytest.param({"authorization": f"Bearer {KEY[:-1]}"}, None, id="a part of a key"),
        pytest.param({"authorization": f"Bearer {KEY}x"}, None, id="more than a key"),
        pytest.param({"authorization": f"Token {KEY}"}, None, id="an unknown scheme"),
        pytest.param({"authorization": KEY}, None, id="no scheme"),
        pytest.param({"authorization": ""}, None, id="empty"),
        pytest.param({"x-api-key": ""}, None, id="an empty key"),
        pytest.param({"x-api-key": "\xff\x80"}, None, id="a key that is no ASCII"),
        pytest.param({"authorization": basic("admin", "password")}, None, id="a wrong password"),
        pytest.param({"authorization": basic("root", "pässword")}, None, id="a wrong name"),
        pytest.param({"authorization": basic("admin", "")}, None, id="no password"),
        pytest.param({"authorization": "Basic %%%"}, None, id="no base64"),
        pytest.param({"authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()}, None, id="no UTF-8"),
    ],
)
def test_a_login_is_somebodys_or_nobodys(headers: dict[str, str], client: str | None) -> None:
    login = login_in(headers)
    assert login is not None
    caller = KNOWN.identify(login)
    assert (None if caller is None else caller.name) == client


def test_no_header_is_no_login() -> None:
    assert login_in({"cookie": f"key={KEY}"}) is None


def test_passwords_can_be_left_unseen_while_keys_still_pass() -> None:
    assert KNOWN.identify(basic("admin", "pässword").encode("latin-1"), keys_only=True) is None
    assert KNOWN.identify(basic("any", KEY).encode(), keys_only=True) is not None
