"""The languages for values and reasons: `languages.toml` has their words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that are the same for all features."""

    raises: str
    lowers: str
    leaves: str
    not_given: str
    year: str
    years: str
    point: str
    thousands: str
    instead_of: str
    no_cause: str


ENGLISH: Final = "en"
"""In which features are declared."""

LANGUAGES: Final[Mapping[str, Language]] = msgspec.convert(
    tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")), dict[str, Language]
)
"""By their codes."""
