"""What ties an answer to a browser follows from the browser's secret, and tells nothing of it."""

from __future__ import annotations

import base64
import hashlib

import pytest

from desk.oidc.attempt import Attempt


def test_a_browser_brings_its_attempt_back() -> None:
    attempt = Attempt.begin("/reports?kind=drift&x=ä")
    assert Attempt.from_cookie(attempt.cookie()) == attempt


def test_no_two_attempts_and_no_two_uses_have_anything_in_common() -> None:
    one, other = Attempt.begin("/"), Attempt.begin("/")
    parts = [part for it in (one, other) for part in (it.secret, it.state, it.nonce, it.verifier, it.challenge)]
    assert len(set(parts)) == 10


def test_the_challenge_is_that_of_the_verifier() -> None:
    attempt = Attempt.begin("/")
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    assert attempt.challenge == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert 43 <= len(attempt.verifier) <= 128


def test_only_its_own_state_belongs_to_an_attempt() -> None:
    attempt = Attempt.begin("/")
    assert attempt.is_state(attempt.state)
    assert not any(map(attempt.is_state, ("", attempt.state[:-1], attempt.nonce, Attempt.begin("/").state, "ä")))


@pytest.mark.parametrize("value", ["", ".", "x", ".Lw==", "x.?", "x.L", "x._w=="])
def test_a_cookie_of_no_attempt_is_ignored(value: str) -> None:
    assert Attempt.from_cookie(value) is None
