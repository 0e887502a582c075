"""The versions of the model that have a part to play, as the registry has them."""

from __future__ import annotations

from typing import Final

import msgspec

from fraud.registry import (
    CANDIDATE,
    EXCLUDED_TAG,
    GATE_VERDICT_TAG,
    PREVIOUS,
    PRODUCTION,
    RETRAINING_REASON_TAG,
    TEST_AP_TAG,
    Registry,
)

PARTS: Final = {PRODUCTION: "In production", PREVIOUS: "Before it", CANDIDATE: "Candidate"}


class PlayingVersion(msgspec.Struct, frozen=True):
    """A version, and what it is."""

    part: str
    version: int | None = None
    """None: no version has this part."""
    data_cutoff: str = ""
    average_precision: str = ""
    gate_verdict: str = ""
    reason: str = ""
    """Why it was trained."""
    excluded: str = ""
    """Features that it does not use."""


def playing_versions(registry: Registry) -> list[PlayingVersion]:
    """Each part and who has it.

    Raises:
        RegistryError: the registry does not answer.
    """
    return [_playing(registry, alias, part) for alias, part in PARTS.items()]


def _playing(registry: Registry, alias: str, part: str) -> PlayingVersion:
    found = registry.version_of(alias)
    if found is None:
        return PlayingVersion(part)
    tags = found.tags
    return PlayingVersion(
        part,
        found.version,
        f"{found.data_cutoff}",
        tags.get(TEST_AP_TAG, ""),
        tags.get(GATE_VERDICT_TAG, ""),
        tags.get(RETRAINING_REASON_TAG, ""),
        tags.get(EXCLUDED_TAG, ""),
    )
