"""Where mail goes, as one setting says it."""

from __future__ import annotations

import pytest

from fraud.mail_address import MailPlace, Security, parse_mail_place

ENDS = "?from=scoring@agency.example&to=anna@agency.example"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            f"smtps://user:p%40ss%2Fword@mail.example:4650/{ENDS},bert@agency.example",
            MailPlace(
                *(Security.TLS, "mail.example", 4650, "user", "p@ss/word", "scoring@agency.example"),
                ("anna@agency.example", "bert@agency.example"),
            ),
        ),
        (
            f"smtp+starttls://mail.example{ENDS}",
            MailPlace(
                *(Security.STARTTLS, "mail.example", 587, "", "", "scoring@agency.example"), ("anna@agency.example",)
            ),
        ),
        (
            f"smtp://localhost{ENDS}",
            MailPlace(*(Security.NONE, "localhost", 25, "", "", "scoring@agency.example"), ("anna@agency.example",)),
        ),
    ],
)
def test_a_mail_place_is_read(url: str, place: MailPlace) -> None:
    assert parse_mail_place(url) == place


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"https://user:secret@mail.example/{ENDS}", "expected smtps://"),
        (f"smtps://user:secret@mail.example:port/{ENDS}", "expected smtps://"),
        (f"smtps://{ENDS}", "expected a host"),
        (f"smtp://user:secret@mail.example/{ENDS}", "for this machine only"),
        ("smtps://user:secret@mail.example/?to=anna@agency.example", "expected ?from="),
        ("smtps://user:secret@mail.example/?from=a@b&to=", "expected ?from="),
        ("smtps://user:secret@mail.example/?from=a@b&to=anna", "expected ?from="),
        ("smtps://user:secret@mail.example/?from=a@b&to=a@b%0D%0ABcc:%20c@d", "expected ?from="),
    ],
)
def test_a_malformed_mail_address_is_refused_without_its_secret(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"expected|only") as refusal:
        parse_mail_place(url)
    assert told in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_mail_place(f"smtps://user:secret@mail.example/{ENDS}"))
