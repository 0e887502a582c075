"""Who keeps whom out by wrong logins: nobody but themselves."""

from __future__ import annotations

import base64

import pytest

from fraud.api_keys import ApiKey, Role, new_key
from serve.access.authentication import Administrator, Authenticator
from serve.access.control import AccessControl
from serve.access.failed_logins import OF_ALL, OF_ONE
from serve.errors import TooManyFailedLogins, Unauthorized

KEY = new_key()
HERE, THERE = "203.0.113.1", "203.0.113.2"
MANY = 128
ABOUT = {"request_id": "id"}


@pytest.fixture
def control() -> AccessControl:
    client = ApiKey.of(KEY, "admin", [Role.READ])
    return AccessControl(Authenticator([client], Administrator("admin", "right")), required=True)


def basic(password: str, user: str = "admin") -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def fail(control: AccessControl, login: bytes, address: str = HERE, browser: str | None = None) -> bool:
    """Whether a wrong login was looked at."""
    try:
        control.admit(login, address, Role.READ, ABOUT, browser)
    except TooManyFailedLogins:
        return False
    except Unauthorized:
        return True
    raise AssertionError("it was right")


def is_let_in(control: AccessControl, login: bytes, address: str = HERE, browser: str | None = None) -> bool:
    try:
        return control.admit(login, address, Role.READ, ABOUT, browser).name == "admin"
    except TooManyFailedLogins:
        return False


@pytest.mark.parametrize(
    ("wrong", "address", "right_is_let_in"),
    [
        pytest.param(basic("wrong"), HERE, False, id="passwords from the same address lock"),
        pytest.param(basic("wrong"), THERE, True, id="from another address they do not"),
        pytest.param(basic("wrong", "root"), HERE, True, id="of another user they do not"),
        pytest.param(basic("", ""), HERE, True, id="without a name they do not"),
        pytest.param(b"Basic %%%", HERE, True, id="what is no name and password does not"),
        pytest.param(b"Bearer wrong", HERE, True, id="wrong keys do not"),
        pytest.param(b"Token wrong", HERE, True, id="unknown schemes do not"),
    ],
)
def test_wrong_logins_lock_what_they_guess_at(
    control: AccessControl, wrong: bytes, address: str, right_is_let_in: bool
) -> None:
    looked_at = [fail(control, wrong, address) for _ in range(MANY)]
    assert is_let_in(control, basic("right")) == right_is_let_in
    assert all(looked_at[: OF_ONE.guesses])


def test_names_do_not_make_guesses_faster(control: AccessControl) -> None:
    """Nor do they crowd the administrator's out of what is remembered."""
    for number in range(MANY):
        fail(control, basic("wrong", f"user {number}"))
    looked_at = [fail(control, basic(f"guess {number}")) for number in range(MANY)]
    assert sum(looked_at) <= OF_ONE.guesses + 1


def test_a_key_passes_always_as_a_password_too(control: AccessControl) -> None:
    for _ in range(MANY):
        fail(control, basic("wrong"))
    assert is_let_in(control, b"Bearer " + KEY.encode())
    assert is_let_in(control, basic(KEY, "whoever"))
    assert is_let_in(control, basic(KEY))


def test_a_known_browser_is_locked_by_its_own_guesses_alone(control: AccessControl) -> None:
    for _ in range(MANY):
        fail(control, basic("wrong"))
    assert not is_let_in(control, basic("right"))
    assert is_let_in(control, basic("right"), browser="browser 1")
    looked_at = [fail(control, basic("wrong"), browser="browser 2") for _ in range(MANY)]
    assert sum(looked_at) <= OF_ONE.guesses + 1
    assert not is_let_in(control, basic("right"), THERE, "browser 2")
    assert is_let_in(control, basic("right"), browser="browser 1")


@pytest.mark.parametrize("network", ["10.{}.{}.1", "2001:db8:{:x}:{:x}::1"])
def test_many_addresses_guess_no_faster_than_one_bound(control: AccessControl, network: str) -> None:
    tries = 2 * OF_ALL.guesses
    looked_at = [fail(control, basic("wrong"), network.format(n // 200, n % 200)) for n in range(tries)]
    assert OF_ALL.guesses <= sum(looked_at) < OF_ALL.guesses + 100  # one is forgiven a second
    assert is_let_in(control, basic("right"), browser="browser 1")
    assert is_let_in(control, b"Bearer " + KEY.encode())


def test_a_client_of_the_same_name_is_not_the_administrator(control: AccessControl) -> None:
    """Whoever has a key would otherwise be known as a browser as often as they like, and guess in each."""
    assert not control.is_administrator(control.admit(basic(KEY), HERE, Role.READ, ABOUT))
    assert control.is_administrator(control.admit(basic("right"), HERE, Role.READ, ABOUT))
