"""Notices by mail, through one SMTP server."""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from fraud.foreign_errors import one_line, why_unanswered
from fraud.mail_address import MailPlace, Security
from serve.notices.errors import NotSent
from serve.notices.table import WayName
from serve.notices.words import Message

TIMEOUT_S: Final = 10.0
MOST_WORDS: Final = 200
"""Maximum characters of the server's reply in a message."""


class Mail:
    """A mail to each notice, to all recipients at once."""

    name: Final = WayName.MAIL

    def __init__(self, place: MailPlace, timeout_s: float = TIMEOUT_S) -> None:
        self._place = place
        self._timeout_s = timeout_s

    def send(self, message: Message) -> None:
        """Send the mail; returns once the server has accepted it for at least one recipient.

        Raises:
            NotSent: the server did not accept it.
        """
        try:
            with self._session() as session:
                session.send_message(self._mail(message))
        except smtplib.SMTPAuthenticationError as error:
            raise NotSent(f"the mail server refused the login of NOTIFY_MAIL ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"the mail server answered {_told(error.smtp_code, error.smtp_error)}") from None
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words), *_) = error.recipients.values()
            raise NotSent(f"the mail server refused all recipients: {_told(code, words)}") from None
        except smtplib.SMTPException as error:
            raise NotSent(
                f"the mail server does not support what NOTIFY_MAIL requires: {one_line(str(error))}"
            ) from None
        except OSError as error:
            raise NotSent(f"the mail server can't be reached: {why_unanswered(error)}") from None

    def _session(self) -> smtplib.SMTP:
        place, trusted = self._place, ssl.create_default_context()
        if place.security is Security.TLS:
            session: smtplib.SMTP = smtplib.SMTP_SSL(place.host, place.port, timeout=self._timeout_s, context=trusted)
        else:
            session = smtplib.SMTP(place.host, place.port, timeout=self._timeout_s)
        try:
            if place.security is Security.STARTTLS:
                session.starttls(context=trusted)
            if place.user:
                session.login(place.user, place.password)
        except BaseException:
            session.close()
            raise
        return session

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._place.sender, ", ".join(self._place.recipients)
        mail["Subject"] = message.headline
        mail["Date"] = format_datetime(dt.datetime.now(dt.UTC))
        mail["Message-ID"] = f"<{message.id}@{self._place.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{message.headline}\n{message.at}\n\n{message.what_to_do}\n\n{message.link}\n")
        return mail


def _told(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code}: {one_line(text)[:MOST_WORDS]}".removesuffix(": ")
