"""A webhook's receiver can tell who sent a notice and when; what it does not take is not called sent."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from serve.notices.errors import NotSent
from serve.notices.webhook import Webhook
from tests.serve.certificates import Certificate
from tests.serve.notices.messages import MESSAGE
from tests.serve.notices.receiver import KEY, Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiving(receiver):
        yield receiver


def why_not(webhook: Webhook) -> str:
    """The reason why a notice is not sent; it never has a secret."""
    with pytest.raises(NotSent) as refusal:
        webhook.send(MESSAGE)
    told = str(refusal.value)
    assert not [secret for secret in ("passw0rd", "s3cret", KEY.decode()) if secret in told]
    return told


def test_a_notice_arrives_signed(receiver: Receiver) -> None:
    Webhook(receiver.url, KEY).send(MESSAGE)
    assert receiver.taken == [msgspec.to_builtins(MESSAGE)]


def test_another_key_is_refused(receiver: Receiver) -> None:
    assert why_not(Webhook(receiver.url, KEY[::-1])) == "NOTIFY_URL answered 401"
    assert (receiver.taken, receiver.refused) == ([], 1)


def test_a_notice_that_is_sent_again_is_known_by_its_identifier(receiver: Receiver) -> None:
    Webhook(receiver.url, KEY).send(MESSAGE)
    assert why_not(Webhook(receiver.url, KEY)) == "NOTIFY_URL answered 401"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_any_other_answer_is_no_yes(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert why_not(Webhook(receiver.url, KEY)) == f"NOTIFY_URL answered {status}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert f"answered {status}, and redirects are not followed" in why_not(Webhook(receiver.url, KEY))
    assert receiver.other_calls == []


def test_a_receiver_that_answers_nothing_is_given_up(receiver: Receiver) -> None:
    receiver.silent.set()
    told = why_not(Webhook(receiver.url, KEY, timeout_s=0.3))
    assert told.startswith("NOTIFY_URL can't be reached: ")


def test_a_receiver_that_is_down_is_told_of(receiver: Receiver) -> None:
    down = Receiver()
    with receiving(down):
        pass
    assert "Connection refused" in why_not(Webhook(down.url, KEY))


def test_a_certificate_is_believed_only_where_its_authority_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, receiver = Certificate.issue(tmp_path), Receiver()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    with receiving(receiver, lambda socket: context.wrap_socket(socket, server_side=True), "https"):
        assert "certificate verify failed" in why_not(Webhook(receiver.url, KEY)).lower()
        assert receiver.taken == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        Webhook(receiver.url, KEY).send(MESSAGE)
    assert len(receiver.taken) == 1
