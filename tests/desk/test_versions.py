"""Versions of the model as the registry has them, told as people say it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import msgspec

from desk.cockpit.versions import PlayingVersion, playing_versions
from fraud.registry import (
    EXCLUDED_TAG,
    GATE_VERDICT_TAG,
    NEWEST_APPLICATION_TAG,
    PRODUCTION,
    TEST_AP_TAG,
    ModelVersion,
)

TAGS = {GATE_VERDICT_TAG: "pass", TEST_AP_TAG: "0.33401234", EXCLUDED_TAG: "Age_Days,Unknown"}


class OneVersion(msgspec.Struct):
    """A registry of one version, in production."""

    tags: dict[str, str]

    def versions_of(self, aliases: Iterable[str]) -> dict[str, ModelVersion]:
        day = dt.date(2026, 4, 1)
        return {PRODUCTION: ModelVersion("m", 7, "ab", day, day, "run", self.tags)} if PRODUCTION in aliases else {}


def test_each_part_is_told_with_its_verdict_and_the_words_of_features() -> None:
    assert playing_versions(OneVersion(TAGS)) == [  # type: ignore[arg-type]
        PlayingVersion("In production", 7, "before 2026-04-01", "0.3340", "pass", "", "age, Unknown"),
        PlayingVersion("Previous"),
        PlayingVersion("Candidate"),
    ]


def test_a_version_says_which_application_was_the_newest_in_training() -> None:
    tags = {NEWEST_APPLICATION_TAG: "2026-03-30"}
    assert playing_versions(OneVersion(tags))[0].newest_application == "2026-03-30"  # type: ignore[arg-type]


def test_a_version_that_uses_all_features_says_so() -> None:
    found = playing_versions(OneVersion({EXCLUDED_TAG: "none"}))[0]  # type: ignore[arg-type]
    assert found == PlayingVersion("In production", 7, "before 2026-04-01")
