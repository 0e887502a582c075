"""A real mail server takes notices, or says why not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from fraud.mail_address import MailPlace, Security
from fraud.stack.ports import hold_port
from serve.notices.errors import NotSent
from serve.notices.mail import Mail
from tests.serve.certificates import Certificate
from tests.serve.notices.messages import MESSAGE

SENDER, RECIPIENTS = "scoring@agency.example", ("anna@agency.example", "bert@agency.example")


class Handler:
    """Keeps mails, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answer = "250 taken"
        self.refused: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, EmailMessage, policy=policy.default)
            self.mails.append(mail)
            self.recipients += envelope.rcpt_tos
        return self.answer


@contextmanager
def mail_server(handler: Handler, **changes: Any) -> Iterator[int]:
    port = hold_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port, **changes)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def place(port: int, security: Security = Security.NONE, user: str = "", password: str = "") -> MailPlace:
    return MailPlace(security, "127.0.0.1", port, user, password, SENDER, RECIPIENTS)


def why_not(mail: Mail) -> str:
    with pytest.raises(NotSent) as refusal:
        mail.send(MESSAGE)
    assert "passw0rd" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture
def handler() -> Handler:
    return Handler()


def context_of(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


def test_a_mail_says_what_changed_what_to_do_and_where(handler: Handler) -> None:
    with mail_server(handler) as port:
        Mail(place(port)).send(MESSAGE)
    (mail,) = handler.mails
    assert mail["Subject"] == "Drift check: fail (before: pass)"
    assert (mail["From"], mail["To"]) == (SENDER, ", ".join(RECIPIENTS))
    assert mail["Message-ID"] == f"<{MESSAGE.id}@agency.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert MESSAGE.what_to_do in mail.get_content()
    assert MESSAGE.link in mail.get_content()
    assert handler.recipients == list(RECIPIENTS)


def test_mail_that_the_server_refuses_is_not_sent(handler: Handler) -> None:
    handler.answer = "451 try again later"
    with mail_server(handler) as port:
        assert why_not(Mail(place(port))) == "the mail server answered 451: try again later"


def test_one_recipient_is_enough(handler: Handler) -> None:
    handler.refused = {RECIPIENTS[0]: "550 nobody of that name"}
    with mail_server(handler) as port:
        Mail(place(port)).send(MESSAGE)
        assert handler.recipients == [RECIPIENTS[1]]
        handler.refused[RECIPIENTS[1]] = "550 nor of that one"
        assert why_not(Mail(place(port))).startswith("the mail server refused all recipients: 550: no")


def test_a_server_that_is_down_or_silent_is_told_of(handler: Handler) -> None:
    with mail_server(handler) as port:
        pass
    assert "Connection refused" in why_not(Mail(place(port)))
    with mail_server(handler, ssl_context=None) as port:
        # It waits for TLS to begin, as the server waits for a command.
        told = why_not(Mail(place(port, Security.TLS), timeout_s=0.5))
    assert told.startswith("the mail server can't be reached: ")


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_is_believed_only_where_its_authority_is(
    handler: Handler, security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate.issue(tmp_path)
    context = context_of(certificate)
    name = "ssl_context" if security is Security.TLS else "tls_context"
    with mail_server(handler, **{name: context}) as port:
        assert "certificate verify failed" in why_not(Mail(place(port, security))).lower()
        assert handler.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        Mail(place(port, security)).send(MESSAGE)
    assert len(handler.mails) == 1


def test_nothing_is_sent_to_a_server_without_the_tls_that_was_asked_for(handler: Handler) -> None:
    with mail_server(handler) as port:
        told = why_not(Mail(place(port, Security.STARTTLS, "scoring", "passw0rd")))
    assert told.startswith("the mail server does not support what NOTIFY_MAIL requires: STARTTLS")


@pytest.mark.parametrize("password", ["passw0rd", "wrong"])
def test_a_login_is_made_within_tls(
    handler: Handler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    certificate = Certificate.issue(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == b"passw0rd", handled=False)

    with mail_server(
        handler, tls_context=context_of(certificate), authenticator=check, auth_required=True, auth_require_tls=True
    ) as port:
        mail = Mail(place(port, Security.STARTTLS, "scoring", password))
        if password == "wrong":
            assert why_not(mail) == "the mail server refused the login of NOTIFY_MAIL (535)"
        else:
            mail.send(MESSAGE)
    assert len(handler.mails) == (password != "wrong")
