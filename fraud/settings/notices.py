"""Who gets notices of changed verdicts and alerts."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from fraud.errors import SettingsError
from fraud.mail_address import MailPlace, parse_mail_place
from fraud.settings.part import Part, is_web_address, long_enough


def _check_notify_url(value: SecretStr) -> SecretStr:
    if not is_web_address(value.get_secret_value()):
        raise ValueError("expected http://address or https://address")
    return value


def _check_notify_mail(value: SecretStr) -> SecretStr:
    parse_mail_place(value.get_secret_value())
    return value


def _check_public_url(value: str) -> str:
    if not is_web_address(value) or urlsplit(value).query:
        raise ValueError("expected http://address or https://address, without a query")
    return value.rstrip("/")


class NoticeSettings(Part):
    """Who gets notices of changed verdicts and alerts."""

    notify_url: Annotated[SecretStr, AfterValidator(_check_notify_url)] | None = Field(
        None, description="address that is told of changed verdicts and alerts, by POST: see Notices"
    )
    notify_key: SecretStr | None = Field(None, description="key that signs what is sent to NOTIFY_URL")
    notify_mail: Annotated[SecretStr, AfterValidator(_check_notify_mail)] | None = Field(
        None,
        description="who is told by mail: smtps://user:password@host:465/?from=ADDRESS&to=ADDRESS,ADDRESS; "
        "smtp+starttls:// as well",
    )
    public_url: Annotated[str, AfterValidator(_check_public_url)] | None = Field(
        None, description="address at which people reach the pages, for links in notices; unset = the server's own"
    )

    def notice_secret(self) -> bytes:
        """What signs notices that are sent to NOTIFY_URL.

        Raises:
            SettingsError: it is not set, or too short to be a key.
        """
        if self.notify_key is None:
            raise SettingsError("NOTIFY_KEY is not set, and what is sent to NOTIFY_URL has to be signed")
        return long_enough("NOTIFY_KEY", self.notify_key.get_secret_value())

    def mail_place(self) -> MailPlace | None:
        """Where notices are mailed; None if nowhere."""
        return None if self.notify_mail is None else parse_mail_place(self.notify_mail.get_secret_value())
