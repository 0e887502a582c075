"""What a version's page in the registry says first, and how its run is called."""

from __future__ import annotations

import datetime as dt

import pytest

from fraud.registry import REFRESHED_FROM_TAG, RETRAINING_REASON_TAG
from train.model_card import DESCRIPTION_CHARACTERS, first_chapters
from train.registration import run_name

CHAPTERS = ("purpose", "reports", "x" * (DESCRIPTION_CHARACTERS - 18), "quality")


def test_a_description_has_as_many_chapters_as_there_is_room_for() -> None:
    assert first_chapters(CHAPTERS[:2]) == "purpose\n\nreports"
    assert len(first_chapters(CHAPTERS)) == DESCRIPTION_CHARACTERS
    assert first_chapters((*CHAPTERS[:2], "y" + CHAPTERS[2])) == "purpose\n\nreports"


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({}, "training, applications before 2026-05-01"),
        ({RETRAINING_REASON_TAG: "monthly"}, "monthly, applications before 2026-05-01"),
        (
            {REFRESHED_FROM_TAG: "3", RETRAINING_REASON_TAG: "refresh"},
            "refresh of version 3, applications before 2026-05-01",
        ),
    ],
)
def test_a_run_is_called_by_what_it_was_for(tags: dict[str, str], name: str) -> None:
    assert run_name(dt.date(2026, 5, 1), tags) == name
