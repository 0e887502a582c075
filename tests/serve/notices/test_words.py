"""Every notice says what changed, what to do and where to look."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from fraud.notices import ALERT, OVER
from fraud.report.stored import ReportKind
from fraud.verdict import Verdict
from serve.notices.words import REFUSALS, SPOOL, SUBJECTS, headline, message_of, what_to_do
from tests.serve.notices.messages import MESSAGE, NOTICE

KNOWN = [*itertools.product(ReportKind, Verdict), *itertools.product((SPOOL, REFUSALS), (ALERT, OVER))]


@pytest.mark.parametrize(("about", "state"), KNOWN)
def test_each_kind_of_notice_has_words(about: str, state: str) -> None:
    notice = msgspec.structs.replace(NOTICE, about=about, state=state)
    assert about in SUBJECTS
    assert headline(notice).startswith(f"{SUBJECTS[about]}: {state.replace('_', ' ')}")
    assert what_to_do(notice).endswith(".")


def test_a_check_that_nobody_foresaw_has_words_too() -> None:
    notice = msgspec.structs.replace(NOTICE, about="other", state="fail")
    assert headline(notice) == "Check `other`: fail (before: pass)"
    assert what_to_do(notice) == "The report has the findings."


def test_a_message_leads_to_the_report() -> None:
    assert MESSAGE.link == "https://scoring.example/reports/12"
    assert MESSAGE.id == "notice-7-20260501010203000456"
    assert MESSAGE.headline == "Drift check: fail (before: pass)"


def test_an_alert_names_its_server_and_leads_to_the_first_page() -> None:
    alert = msgspec.structs.replace(NOTICE, about=SPOOL, place="web-1:8000", state=ALERT, before="", report=None)
    message = message_of(alert, "https://scoring.example")
    assert message.headline == "Records waiting for the database of web-1:8000: alert"
    assert message.link == "https://scoring.example/"


def test_a_lasting_alert_is_told_as_such() -> None:
    assert headline(msgspec.structs.replace(NOTICE, before="fail", repeats=True)) == "Drift check: still fail"
