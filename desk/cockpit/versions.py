"""The versions of the model that have a role (production, previous, candidate), from the registry."""

from __future__ import annotations

from typing import Final

import msgspec

from fraud.features import FEATURES
from fraud.languages import ENGLISH
from fraud.registry import (
    CANDIDATE,
    EXCLUDED_TAG,
    GATE_VERDICT_TAG,
    NEWEST_APPLICATION_TAG,
    PREVIOUS,
    PRODUCTION,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    ModelVersion,
    Registry,
)
from fraud.settings import parse_excluded

MOST_VERSIONS: Final = 100
"""How many the page of the history asks for."""
PARTS: Final = {PRODUCTION: "In production", PREVIOUS: "Previous", CANDIDATE: "Candidate"}


class PlayingVersion(msgspec.Struct, frozen=True):
    """A version with its role."""

    part: str
    version: int | None = None
    """None: no version has this role."""
    newest_application: str = ""
    """Day of the newest application that it was trained on."""
    average_precision: str = ""
    gate_verdict: str = ""
    reason: str = ""
    """Why it was trained."""
    excluded: str = ""
    """Features that it does not use."""


def playing_versions(registry: Registry) -> list[PlayingVersion]:
    """Each role, and the version that has it.

    Raises:
        RegistryError: the registry does not answer.
    """
    found = registry.versions_of(PARTS)
    return [_playing(found.get(alias), part) for alias, part in PARTS.items()]


def _called(names: str) -> str:
    """The features of a tag, by the names that people use."""
    called = {feature.name: feature.words_in(ENGLISH).called for feature in FEATURES}
    return ", ".join(called.get(name, name) for name in parse_excluded(names))


def _four_digits(number: str) -> str:
    return f"{float(number):.4f}" if number else ""


def _playing(found: ModelVersion | None, part: str) -> PlayingVersion:
    if found is None:
        return PlayingVersion(part)
    tags = found.tags
    return PlayingVersion(
        part,
        found.version,
        tags.get(NEWEST_APPLICATION_TAG, f"before {found.data_cutoff}"),
        _four_digits(tags.get(TEST_AP_TAG, "")),
        tags.get(GATE_VERDICT_TAG, ""),
        tags.get(RETRAINING_REASON_TAG, ""),
        _called(tags.get(EXCLUDED_TAG, "")),
    )
